"""What a MariaDB or MySQL server says of itself and of the user that serves."""

import datetime as dt
from collections.abc import Iterator
from functools import partial
from typing import Final, cast

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
    "database_mode",
    "database_text",
    "database_revision",
    "database_writes",
    "database_rights",
    "database_connections",
    "database_clock",
)

_OLDEST_MARIADB: Final = (10, 6)
_OLDEST_MYSQL: Final = (8, 0)
_IN_USE: Final = "SHOW GLOBAL STATUS LIKE 'Threads_connected'"


def look(settings: Settings) -> Iterator[Finding]:
    """Go to the database as the service does, and ask on."""
    way = settings_way(settings)
    connection = yield from open_connection(way)
    if connection is None:
        return
    with hanging_up(connection):
        yield ask("database_tls", lambda: _tls(connection, way))
        for name, question in (
            ("database_version", _version),
            ("database_mode", _mode),
            ("database_text", _text),
            ("database_revision", revision),
            ("database_writes", _writes),
            ("database_rights", partial(rights, settings=settings)),
            ("database_connections", partial(_room, settings=settings)),
        ):
            yield ask(name, partial(question, connection))
        yield ask("database_clock", lambda: skew(lambda: _now(connection)))


def _tls(connection: sa.Connection, way: Way) -> Finding:
    if not way.is_over_network:
        return skipped("database_tls", "The server is on this machine.")
    cipher = connection.execute(sa.text("SHOW STATUS LIKE 'Ssl_cipher'")).one()[1]
    if cipher:
        return well("database_tls", "The connection is encrypted.")
    return warn(
        "database_tls",
        "What is said to the database passes the network unencrypted.",
        "Add ?ssl_ca=/path/of/ca.pem to DATABASE_URL.",
    )


def _version(connection: sa.Connection) -> Finding:
    dialect = connection.dialect
    is_mariadb = getattr(dialect, "is_mariadb", False)
    name = "MariaDB" if is_mariadb else "MySQL"
    oldest = _OLDEST_MARIADB if is_mariadb else _OLDEST_MYSQL
    version = tuple(part for part in dialect.server_version_info or () if isinstance(part, int))[:2]
    text = f"{name} {'.'.join(map(str, version))}"
    if version < oldest:
        sentence = f"{text} is older than {'.'.join(map(str, oldest))}, the oldest supported."
        return wrong("database_version", sentence, "Upgrade the server.")
    return well("database_version", f"{text}.")


def _mode(connection: sa.Connection) -> Finding:
    mode = str(connection.scalar(sa.text("SELECT @@GLOBAL.sql_mode")))
    if "STRICT_TRANS_TABLES" in mode:
        return well("database_mode", "The server is strict, and so are the service's sessions.")
    return warn(
        "database_mode",
        "The service's sessions are strict, but the server is not: other programs may store cut"
        " values.",
        "SET GLOBAL sql_mode = 'TRADITIONAL', and the same in its configuration.",
    )


def _text(connection: sa.Connection) -> Finding:
    charset = connection.scalar(sa.text("SELECT @@character_set_database"))
    if charset == "utf8mb4":
        return well("database_text", f"Text is stored as {charset}.")
    return warn(
        "database_text",
        f"Tables that others make here store text as {charset}, which loses characters.",
        "ALTER DATABASE ... CHARACTER SET utf8mb4",
    )


def _writes(connection: sa.Connection) -> Finding:
    if connection.scalar(sa.text("SELECT @@GLOBAL.read_only")):
        return wrong(
            "database_writes",
            "The server takes no writes (read_only).",
            "Name the primary; or, when the maintenance is over: SET GLOBAL read_only = OFF.",
        )
    return well("database_writes", "The database takes writes.")


def _room(connection: sa.Connection, settings: Settings) -> Finding:
    return room(connection, settings, int(connection.execute(sa.text(_IN_USE)).one()[1]))


def _now(connection: sa.Connection) -> dt.datetime:
    now = cast("dt.datetime", connection.scalar(sa.text("SELECT utc_timestamp(6)")))
    return now.replace(tzinfo=dt.UTC)
