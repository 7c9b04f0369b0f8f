"""How long a check waits for a server: a database that does not answer is a failure, not a halt.

All in seconds.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

CONNECT: Final = 10
ANSWER: Final = 120
"""For one statement on a scratch server, which may be slow to make a database."""
STATEMENT: Final = 30
LOCK: Final = 5

_DRIVERS: Final[dict[str, dict[str, int]]] = {
    "psycopg2": {"connect_timeout": CONNECT},
    "psycopg": {"connect_timeout": CONNECT},
    # PyMySQL waits for the server's greeting by the read timeout.
    "pymysql": {"connect_timeout": CONNECT, "read_timeout": ANSWER, "write_timeout": ANSWER},
    "mysqldb": {"connect_timeout": CONNECT, "read_timeout": ANSWER, "write_timeout": ANSWER},
}
_LOCKS: Final = f"lock_wait_timeout = {LOCK}, innodb_lock_wait_timeout = {LOCK}"
_LIVE: Final[dict[str, list[str]]] = {
    "postgresql": [f"SET statement_timeout = '{STATEMENT}s'", f"SET lock_timeout = '{LOCK}s'"],
    "mariadb": [f"SET SESSION max_statement_time = {STATEMENT}, {_LOCKS}"],
    "mysql": [f"SET SESSION max_execution_time = {STATEMENT * 1000}, {_LOCKS}"],
}


def connect_arguments(url: sa.URL, *, answer: int = ANSWER) -> dict[str, Any]:
    """Give the arguments by which a driver stops waiting; what the URL says itself goes first."""
    known = dict(_DRIVERS.get(url.get_dialect().driver, {}))
    if "read_timeout" in known:
        known["read_timeout"] = known["write_timeout"] = answer
    return {name: value for name, value in known.items() if name not in url.query}


def limit_statements(connection: sa.Connection) -> None:
    """Let no statement of a live database's connection wait or run for long."""
    dialect = connection.dialect
    name = "mariadb" if getattr(dialect, "is_mariadb", False) else dialect.name
    for statement in _LIVE.get(name, ()):
        connection.exec_driver_sql(statement)
