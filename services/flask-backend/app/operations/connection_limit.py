"""How many connections a database lets this role open: the question, engine by engine."""

from typing import Final

CONNECTION_LIMIT: Final = {
    "postgresql": """
        SELECT least(
            current_setting('max_connections')::int
                - current_setting('superuser_reserved_connections')::int,
            (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
            (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
        )""",
    "mysql": """
        SELECT least(
            @@GLOBAL.max_connections,
            if(@@max_user_connections > 0, @@max_user_connections, @@GLOBAL.max_connections)
        )""",
}
"""By the name of the engine. SQLite has no limit."""
