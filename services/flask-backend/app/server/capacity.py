"""Whether the database's server has room for every connection the workers may open."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from app.config import Settings, SettingsError
from bilayer.urls import engine_name

CONNECT_SECONDS: Final = 5
_TIMEOUTS: Final = {
    "postgresql": ("connect_timeout",),
    # PyMySQL's first ends with the TCP connection; a server may accept it and say nothing.
    "mysql": ("connect_timeout", "read_timeout"),
}

_LIMIT: Final = {
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


def require_capacity(settings: Settings) -> None:
    """Ask the server on a connection that is closed again before anything forks.

    Raises:
        SettingsError: The workers together may open more connections than the server allows.
        sqlalchemy.exc.SQLAlchemyError: The server does not answer.
    """
    limit = connection_limit(settings.url)
    if limit is not None and settings.connections > limit:
        raise SettingsError(
            f"WORKERS x (DB_POOL_SIZE + DB_MAX_OVERFLOW) is {settings.connections}, "
            f"and the database allows {limit} connections; lower one of them"
        )


def connection_limit(url: sa.URL) -> int | None:
    """Return how many connections the server allows this role, None where there is no limit."""
    name = engine_name(url.drivername)
    question = _LIMIT.get(name)
    if question is None:
        return None
    engine = sa.create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args=dict.fromkeys(_TIMEOUTS[name], CONNECT_SECONDS),
    )
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(question)))
