"""What a PostgreSQL server says of itself, of the role that serves and of its rights."""

import datetime as dt
from collections.abc import Iterator
from functools import partial
from typing import Any, Final, cast

import sqlalchemy as sa

from app.config import Settings
from app.operations.doctor.connecting import Way, hanging_up, open_connection
from app.operations.doctor.database import ask, revision, rights, room, settings_way, skew
from app.operations.doctor.findings import Finding, skipped, warn, well, wrong

CHECKS: Final = (
    "database_address",
    "database_login",
    "database_tls",
    "database_version",
    "database_text",
    "database_revision",
    "database_writes",
    "database_rights",
    "database_timeouts",
    "database_connections",
    "database_clock",
)

_OLDEST: Final = 14
_TIMEOUTS: Final = {
    "statement_timeout": "5s",
    "lock_timeout": "2s",
    "idle_in_transaction_session_timeout": "10s",
}
_IN_USE: Final = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
_ROLE_SETTINGS: Final = """
    SELECT split_part(one, '=', 1) FROM pg_db_role_setting, unnest(setconfig) AS one
    WHERE setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = current_user))
        AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))"""


def look(settings: Settings) -> Iterator[Finding]:
    """Go to the database as the service does, and ask on."""
    way = settings_way(settings)
    connection = yield from open_connection(way)
    if connection is None:
        return
    with hanging_up(connection):
        yield _tls(connection, way)
        for name, question in (
            ("database_version", _version),
            ("database_text", _text),
            ("database_revision", revision),
            ("database_writes", _writes),
            ("database_rights", partial(rights, settings=settings)),
            ("database_timeouts", _timeouts),
            ("database_connections", partial(_room, settings=settings)),
        ):
            yield ask(name, partial(question, connection))
        yield ask("database_clock", lambda: skew(lambda: _now(connection)))


def _tls(connection: sa.Connection, way: Way) -> Finding:
    if not way.is_over_network:
        return skipped("database_tls", "The server is on this machine.")
    driver: Any = connection.connection.dbapi_connection
    if not driver.info.ssl_in_use:
        return warn(
            "database_tls",
            "What is said to the database passes the network unencrypted.",
            "Set DATABASE_SSLMODE=verify-full and DATABASE_SSLROOTCERT.",
        )
    mode = driver.info.dsn_parameters.get("sslmode")
    if mode != "verify-full":
        return warn(
            "database_tls",
            f"The connection is encrypted, but sslmode={mode} does not check who answers.",
            "Set DATABASE_SSLMODE=verify-full and DATABASE_SSLROOTCERT.",
        )
    return well("database_tls", "The connection is encrypted, and the server proved its name.")


def _version(connection: sa.Connection) -> Finding:
    number = int(connection.scalar(sa.text("SHOW server_version_num")) or 0) // 10_000
    if number < _OLDEST:
        return wrong(
            "database_version",
            f"PostgreSQL {number} is older than {_OLDEST}, the oldest that is supported.",
            "Upgrade the server.",
        )
    return well("database_version", f"PostgreSQL {number}.")


def _text(connection: sa.Connection) -> Finding:
    encoding = connection.scalar(sa.text("SHOW server_encoding"))
    return well("database_text", f"Text is stored as {encoding}.")


def _writes(connection: sa.Connection) -> Finding:
    is_standby, is_read_only = connection.execute(
        sa.text("SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'")
    ).one()
    if is_standby:
        return wrong(
            "database_writes",
            "This server is a standby: it takes no writes.",
            "Name all hosts in DATABASE_HOST: docs/operations/high-availability.md.",
        )
    if is_read_only:
        return wrong(
            "database_writes",
            "The database takes no writes: default_transaction_read_only is on.",
            "When the maintenance is over: ALTER DATABASE ... RESET default_transaction_read_only"
            " (or ALTER ROLE, or ALTER SYSTEM, where it was set).",
        )
    return well("database_writes", "The database takes writes.")


def _timeouts(connection: sa.Connection) -> Finding:
    now = sa.text("SELECT current_setting(:name)")
    unset = [name for name in _TIMEOUTS if connection.scalar(now, {"name": name}) == "0"]
    if unset:
        return wrong(
            "database_timeouts",
            f"Sessions have no {', '.join(unset)}: a statement may hold others up for ever.",
            _alter_role(unset),
        )
    standing = set(connection.scalars(sa.text(_ROLE_SETTINGS)))
    missing = [name for name in _TIMEOUTS if name not in standing]
    if missing:
        return warn(
            "database_timeouts",
            "The service sets time-outs for its sessions; the role itself has no"
            f" {', '.join(missing)}.",
            _alter_role(missing),
        )
    return well("database_timeouts", "Time-outs stand on the role.")


def _alter_role(names: list[str]) -> str:
    return "; ".join(f"ALTER ROLE ... SET {name} = '{_TIMEOUTS[name]}'" for name in names)


def _room(connection: sa.Connection, settings: Settings) -> Finding:
    return room(connection, settings, connection.scalar(sa.text(_IN_USE)) or 0)


def _now(connection: sa.Connection) -> dt.datetime:
    return cast("dt.datetime", connection.scalar(sa.text("SELECT clock_timestamp()")))
