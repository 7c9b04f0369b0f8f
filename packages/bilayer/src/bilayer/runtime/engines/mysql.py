"""MariaDB's and MySQL's connections through PyMySQL: strict mode, UTC, full Unicode."""

from __future__ import annotations

import os
from typing import Any, Final

import sqlalchemy as sa
from pymysql.constants import CLIENT, SERVER_STATUS
from sqlalchemy import event

from bilayer.runtime.errors import UnsafeSettings
from bilayer.runtime.options import ConnectOptions

_SQL_MODE: Final = "TRADITIONAL,NO_BACKSLASH_ESCAPES"


def create_engine(url: sa.URL, options: ConnectOptions) -> sa.Engine:
    """Make an engine whose connections have the settings safety needs."""
    # PyMySQL would send text in Latin-1, the server keeps the hash of UTF-8.
    password = {"password": str(url.password).encode()} if url.password else {}
    engine = sa.create_engine(
        url,
        poolclass=sa.QueuePool,
        pool_size=options.pool_size,
        max_overflow=options.max_overflow,
        pool_timeout=options.pool_timeout,
        pool_recycle=options.pool_recycle,
        pool_pre_ping=options.pre_ping,
        pool_reset_on_return=None,
        connect_args={
            **password,
            "connect_timeout": max(1, round(options.connect_timeout)),
            "read_timeout": max(1, round(options.read_timeout)),
            "write_timeout": max(1, round(options.read_timeout)),
            "autocommit": True,
            "client_flag": CLIENT.FOUND_ROWS,  # UPDATE counts matched rows, as elsewhere
        },
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        record.info["process"] = os.getpid()
        prepare(connection, options)

    event.listen(engine, "reset", _reset)
    return engine


def text_collation(*, mariadb: bool) -> str:
    """Name the collation that compares by code point and does not ignore trailing spaces."""
    return "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"


def prepare(connection: Any, options: ConnectOptions) -> None:
    """Set strict mode, UTC and the timeouts, and check that they hold.

    Raises:
        UnsafeSettings: The server did not take them; values could change or become SQL.
    """
    mariadb = "mariadb" in connection.get_server_info().lower()
    settings = {
        "sql_mode": f"'{_SQL_MODE}'",
        "time_zone": "'+00:00'",
        "innodb_lock_wait_timeout": max(1, round(options.lock_timeout)),
        "collation_connection": f"'{text_collation(mariadb=mariadb)}'",
        "tx_isolation" if mariadb else "transaction_isolation": "'READ-COMMITTED'",
    }
    if options.session_settings and mariadb:
        settings["max_statement_time"] = f"{options.statement_timeout:g}"
    elif options.session_settings:
        settings["max_execution_time"] = round(options.statement_timeout * 1000)
    with connection.cursor() as cursor:
        cursor.execute("SET " + ",".join(f"SESSION {k}={v}" for k, v in settings.items()))
        cursor.execute("SELECT @@sql_mode, @@time_zone, @@character_set_connection")
        mode, zone, charset = cursor.fetchone()
    bare = connection.server_status & SERVER_STATUS.SERVER_STATUS_NO_BACKSLASH_ESCAPES
    if "STRICT_TRANS_TABLES" not in mode or not bare or (zone, charset) != ("+00:00", "utf8mb4"):
        raise UnsafeSettings("MariaDB needs strict mode, NO_BACKSLASH_ESCAPES, UTC and utf8mb4")


def _reset(connection: Any, record: Any, _state: Any) -> None:
    """Never put a connection with an open transaction back."""
    if record.info.get("process") != os.getpid() or not connection.open:
        return
    if connection.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS:
        connection.rollback()
