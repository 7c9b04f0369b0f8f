"""MariaDB's and MySQL's connections through PyMySQL (strict mode, UTC, Unicode) and errors."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from math import ceil
from typing import Any, Final

import sqlalchemy as sa
from pymysql.constants import CLIENT, SERVER_STATUS
from sqlalchemy import event

from bilayer.runtime.engines.pool import bound_connecting, pool_class
from bilayer.runtime.errors import (
    CheckViolation,
    ConstraintViolation,
    DatabaseError,
    Deadlock,
    ForeignKeyViolation,
    LockTimeout,
    NotNullViolation,
    OutOfMemory,
    PermissionDenied,
    ReadOnly,
    SerializationFailure,
    StatementTimeout,
    StorageFailure,
    StorageFull,
    TooManyConnections,
    UniqueViolation,
    UnsafeSettings,
)
from bilayer.runtime.options import ConnectOptions
from bilayer.types import text_collation

_SQL_MODE: Final = "TRADITIONAL,NO_BACKSLASH_ESCAPES,NO_AUTO_VALUE_ON_ZERO"
_MARIADB_MODE: Final = f"{_SQL_MODE},SIMULTANEOUS_ASSIGNMENT"  # SET a=b, b=a swaps, as elsewhere

LOST: Final = (1047, 1053, 1080, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2014, 2045, 2055, 4031)
"""Numbers of errors after which the connection cannot be used."""

# https://mariadb.com/kb/en/mariadb-error-code-reference/ ; 4025 is MariaDB's, 3819 MySQL's.
_CONSTRAINTS: Final[Mapping[int, tuple[type[ConstraintViolation], str, str]]] = {
    1062: (UniqueViolation, "a row with this key exists", r"for key '(?:[^'.]+\.)?([^']+)'$"),
    1451: (ForeignKeyViolation, "the row is pointed to", r"CONSTRAINT `([^`]+)`"),
    1452: (ForeignKeyViolation, "the row points to nothing", r"CONSTRAINT `([^`]+)`"),
    4025: (CheckViolation, "the row is not allowed", r"CONSTRAINT `([^`]+)`"),
    3819: (CheckViolation, "the row is not allowed", r"constraint '([^']+)'"),
}
_UNKNOWN_NAME: Final = (1146, 1054, 1305)
_NOT_NULL: Final = (1048, 1364)
_NO_SLOT: Final = (1040, 1203, 1226)
_DAMAGED: Final = (126, 127, 134, 144, 145, 1034, 1035, 1194, 1195, 1712, 1877)
_INPUT_OUTPUT: Final = (1003, 1016, 1017, 1023, 1024, 1026, 1030, 1180)
_BAD_FILE: Final = "the database cannot use its files"
_FULL: Final = "the disk of the database is full"
_NO_SPACE: Final = re.compile(r"(?:error|Errcode:) 28\b")
_OTHERS: Final[Mapping[int, tuple[type[DatabaseError], str]]] = {
    1213: (Deadlock, "a deadlock; retry the transaction"),
    1020: (SerializationFailure, "the row changed since it was read; retry the transaction"),
    1205: (LockTimeout, "a lock was not granted in time"),
    3572: (LockTimeout, "the row is locked"),
    1317: (StatementTimeout, "the statement was stopped"),
    1969: (StatementTimeout, "the statement ran too long and was stopped"),
    3024: (StatementTimeout, "the statement ran too long and was stopped"),
    1792: (ReadOnly, "the transaction accepts no writes"),
    1290: (ReadOnly, "the server accepts no writes"),
    1836: (ReadOnly, "the server accepts no writes"),
    **dict.fromkeys(_NO_SLOT, (TooManyConnections, "the server has no connection left")),
    **dict.fromkeys((1037, 1038, 1041), (OutOfMemory, "the server has no memory left")),
    **dict.fromkeys((1021, 1114, 3675), (StorageFull, _FULL)),
    **dict.fromkeys((*_DAMAGED, *_INPUT_OUTPUT), (StorageFailure, _BAD_FILE)),
    **dict.fromkeys((1044, 1142, 1143, 1227, 1370), (PermissionDenied, "the role may not do this")),
}


def create_engine(url: sa.URL, options: ConnectOptions) -> sa.Engine:
    """Make an engine whose connections have the settings safety needs."""
    # PyMySQL would send text in Latin-1, the server keeps the hash of UTF-8.
    password = {"password": str(url.password).encode()} if url.password else {}
    engine = sa.create_engine(
        url,
        poolclass=pool_class(options.guard),
        pool_size=options.pool_size,
        max_overflow=options.max_overflow,
        pool_timeout=options.pool_timeout,
        pool_recycle=options.pool_recycle,
        pool_pre_ping=False,  # the adapter asks, and not each time
        pool_reset_on_return=None,
        connect_args={
            **password,
            "connect_timeout": ceil(options.connect_timeout),
            # For the greeting; _prepare sets the timeout of statements.
            "read_timeout": ceil(options.connect_timeout),
            "write_timeout": ceil(options.read_timeout),
            "autocommit": True,
            "client_flag": CLIENT.FOUND_ROWS,  # UPDATE counts matched rows, as elsewhere
        },
    )

    bound_connecting(engine, options.guard)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        record.info["process"] = os.getpid()
        prepare(connection, options)
        connection._read_timeout = options.read_timeout

    event.listen(engine, "reset", _reset)
    return engine


def prepare(connection: Any, options: ConnectOptions) -> None:
    """Set strict mode, UTC and the timeouts, and check that they hold.

    Raises:
        UnsafeSettings: The server did not take them; values could change or become SQL.
    """
    mariadb = "mariadb" in connection.get_server_info().lower()
    settings = {
        "sql_mode": f"'{_MARIADB_MODE if mariadb else _SQL_MODE}'",
        "time_zone": "'+00:00'",
        "innodb_lock_wait_timeout": ceil(options.lock_seconds),
        "collation_connection": f"'{text_collation(mariadb=mariadb)}'",
        "tx_isolation" if mariadb else "transaction_isolation": "'READ-COMMITTED'",
    }
    if options.session_settings and mariadb:
        settings["max_statement_time"] = f"{options.statement_timeout:g}"
    elif options.session_settings:
        settings["max_execution_time"] = ceil(options.statement_timeout * 1000)
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


def translate(caught: Exception, _connection: Any) -> DatabaseError:
    """Map error numbers."""
    number = caught.args[0] if caught.args and isinstance(caught.args[0], int) else 0
    text = str(caught.args[1]) if len(caught.args) > 1 else ""
    code = str(number)
    if number in _CONSTRAINTS:
        kind, message, pattern = _CONSTRAINTS[number]
        return kind(message, code=code, constraint=_last(pattern, text))
    if number in _NOT_NULL:
        column = _last(r"'([^']+)'", text)
        return NotNullViolation("a value is required", code=code, column=column)
    if number in _OTHERS:
        other, message = _OTHERS[number]
        if other is StorageFailure and _NO_SPACE.search(text):
            return StorageFull(_FULL, code=code)
        return other(message, code=code)
    # Messages of these numbers quote names only, those of others may quote values.
    what = text if number in _UNKNOWN_NAME else code
    return DatabaseError(f"MariaDB refused the statement ({what})", code=code)


def refusal(caught: BaseException) -> DatabaseError | None:
    """Tell a server that has no connection left from one that is not there."""
    number = caught.args[0] if caught.args else None
    if number not in _NO_SLOT:
        return None
    return TooManyConnections("the server has no connection left", code=str(number))


def _last(pattern: str, text: str) -> str | None:
    """Find a name in a message; values stand before it and may look like one."""
    found = re.findall(pattern, text)
    return found[-1] if found else None
