"""PostgreSQL's connections through psycopg2 (time zone, timeouts) and its errors."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from math import ceil
from typing import Any, Final

import psycopg2.extensions
import sqlalchemy as sa
from sqlalchemy import event

from bilayer.runtime.engines.pool import bound_connecting, pool_class
from bilayer.runtime.engines.postgresql_types import register_types
from bilayer.runtime.errors import (
    CheckViolation,
    ConnectionLost,
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
    TransactionAborted,
    UniqueViolation,
    UnsafeSettings,
)
from bilayer.runtime.options import ConnectOptions

_IDLE: Final = psycopg2.extensions.TRANSACTION_STATUS_IDLE
_KEEPALIVE: Final = {
    "keepalives": 1,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}

# https://www.postgresql.org/docs/15/errcodes-appendix.html
_CONSTRAINTS: Final[Mapping[str, tuple[type[ConstraintViolation], str]]] = {
    "23505": (UniqueViolation, "a row with this key exists"),
    "23503": (ForeignKeyViolation, "the row points to nothing, or is pointed to"),
    "23514": (CheckViolation, "the row is not allowed"),
    "23502": (NotNullViolation, "a value is required"),
}
_NO_SLOT: Final = "the server has no connection left"
_BAD_FILE: Final = "the database cannot use its files"
_SLOTS: Final = re.compile(
    "too many clients already|too many connections for|remaining connection slots are reserved"
    "|no more connections allowed"
)
"""What PostgreSQL and PgBouncer say then; a refused connection has no SQLSTATE in psycopg2."""
_UNKNOWN_NAME: Final = ("42P01", "42703", "42883")
_OTHERS: Final[Mapping[str, tuple[type[DatabaseError], str]]] = {
    "40P01": (Deadlock, "a deadlock; retry the transaction"),
    "40001": (SerializationFailure, "the transaction could not be serialized; retry it"),
    "55P03": (LockTimeout, "a lock was not granted in time"),
    "57014": (StatementTimeout, "the statement ran too long and was stopped"),
    "25006": (ReadOnly, "the database or transaction accepts no writes"),
    "42501": (PermissionDenied, "the role may not do this"),
    "53100": (StorageFull, "the disk of the database is full"),
    "53200": (OutOfMemory, "the server has no memory left"),
    "53300": (TooManyConnections, _NO_SLOT),
    "58030": (StorageFailure, _BAD_FILE),
    "58P01": (StorageFailure, _BAD_FILE),
    "XX001": (StorageFailure, _BAD_FILE),
    "XX002": (StorageFailure, _BAD_FILE),
    "25P02": (TransactionAborted, "an earlier statement of this transaction failed"),
}
_UNSUPPORTED: Final = "0A000"
_PLANNER: Final = "get_relation_info"
"""Refuses a table of which a replica has no rows; the message is in the server's language."""


def create_engine(url: sa.URL, options: ConnectOptions) -> sa.Engine:
    """Make an engine whose connections have the settings safety needs."""
    arguments: dict[str, Any] = {
        **_KEEPALIVE,
        "connect_timeout": ceil(options.connect_timeout),
        "tcp_user_timeout": ceil(options.read_timeout * 1000),
        "application_name": options.application_name,
        "client_encoding": "utf8",
    }
    if options.session_settings:
        settings = {
            "timezone": "UTC",
            "statement_timeout": ceil(options.statement_timeout * 1000),
            "lock_timeout": ceil(options.lock_seconds * 1000),
            "idle_in_transaction_session_timeout": ceil(options.idle_in_transaction_timeout * 1000),
        }
        given = str(url.query.get("options", ""))
        url = url.difference_update_query(["options"])
        chosen = " ".join(f"-c {name}={value}" for name, value in settings.items())
        arguments["options"] = f"{given} {chosen}".strip()
    engine = sa.create_engine(
        url,
        poolclass=pool_class(options.guard),
        pool_size=options.pool_size,
        max_overflow=options.max_overflow,
        pool_timeout=options.pool_timeout,
        pool_recycle=options.pool_recycle,
        pool_pre_ping=False,  # the adapter asks, and not each time
        pool_reset_on_return=None,
        use_native_hstore=False,  # would ask every new server for a type nobody uses
        connect_args=arguments,
    )
    bound_connecting(engine, options.guard)
    event.listen(engine, "connect", prepare)
    event.listen(engine, "reset", _reset)
    return engine


def prepare(connection: Any, record: Any) -> None:
    """Set what the runtime relies on, and check the server's side of it.

    Raises:
        UnsafeSettings: Backslashes would escape in plain literals, or text is not UTF-8.
    """
    connection.autocommit = True
    record.info["process"] = os.getpid()
    status = connection.get_parameter_status
    if status("standard_conforming_strings") == "off" or status("server_encoding") != "UTF8":
        raise UnsafeSettings("PostgreSQL needs standard_conforming_strings=on and a UTF8 database")
    register_types(connection)


def _reset(connection: Any, record: Any, _state: Any) -> None:
    """Never put a connection with an open transaction back; costs no round trip otherwise."""
    if record.info.get("process") != os.getpid() or connection.closed:
        return
    if connection.info.transaction_status != _IDLE:
        with connection.cursor() as cursor:
            cursor.execute("ROLLBACK")


def translate(caught: Exception, connection: Any) -> DatabaseError:
    """Map SQLSTATEs."""
    code: str | None = getattr(caught, "pgcode", None)
    diagnostics = getattr(caught, "diag", None)
    if code is not None and code in _CONSTRAINTS:
        kind, message = _CONSTRAINTS[code]
        return kind(
            message,
            code=code,
            constraint=getattr(diagnostics, "constraint_name", None),
            table=getattr(diagnostics, "table_name", None),
            column=getattr(diagnostics, "column_name", None) or _single_column(diagnostics),
        )
    if code is not None and code in _OTHERS:
        other, message = _OTHERS[code]
        return other(message, code=code)
    if code == _UNSUPPORTED and getattr(diagnostics, "source_function", "") == _PLANNER:
        return ReadOnly("a server in recovery has no unlogged tables", code=code)
    if code is None and connection.closed:
        return ConnectionLost("the connection was closed")
    # Messages of these codes quote names only, those of others may quote values.
    what = getattr(diagnostics, "message_primary", "") if code in _UNKNOWN_NAME else ""
    return DatabaseError(f"PostgreSQL refused the statement ({what or code})", code=code)


def refusal(caught: BaseException) -> DatabaseError | None:
    """Tell a server that has no connection left from one that is not there."""
    return TooManyConnections(_NO_SLOT, code="53300") if _SLOTS.search(str(caught)) else None


def _single_column(diagnostics: Any) -> str | None:
    """Take the column out of ``Key (email)=(...) already exists`` and leave the value there."""
    detail = getattr(diagnostics, "message_detail", None) or ""
    match = re.match(r'Key \("?(\w+)"?\)=', detail)
    return match.group(1) if match else None
