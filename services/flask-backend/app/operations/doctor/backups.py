"""Whether there are backups: the folder, the tools, and how old the last verified one is."""

from __future__ import annotations

import datetime as dt
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from app import clock
from app.config import Settings
from app.operations.backup.tools import find_postgresql_tool, find_tool
from app.operations.doctor.connecting import hanging_up, sign_in
from app.operations.doctor.database import settings_way
from app.operations.doctor.findings import Finding, skipped, warn, well
from app.operations.doctor.installation import nearest
from bilayer.types import UTCDateTime
from bilayer.urls import engine_name

CHECKS: Final = ("backup_folder", "backup_tools", "backup_age")

_PAGE: Final = "See docs/operations/backups.md."
_USUAL_AGE: Final = dt.timedelta(hours=26)
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_LAST: Final = sa.text(
    "SELECT max(created_at) AS made_at FROM backups WHERE verified_at IS NOT NULL"
).columns(made_at=UTCDateTime())


def look(settings: Settings) -> Iterator[Finding]:
    """Look at what backups need, and at when one was last known to restore."""
    yield _folder(settings)
    with _connection(settings) as connection:
        yield _tools(connection)
        yield _age(connection, settings)


def _folder(settings: Settings) -> Finding:
    folder = settings.backup_dir or settings.data_dir / "backups"
    if nearest(folder) != folder:
        if settings.env == "dev":
            return skipped("backup_folder", "There are no backups.")
        return warn("backup_folder", f"There is no {folder}, and so no backup.", _PAGE)
    if folder.stat().st_mode & _OTHERS:
        return warn("backup_folder", f"Others can look into {folder}.", f"chmod 700 {folder}")
    if settings.env == "prod" and not settings.recipients:
        return warn(
            "backup_folder",
            f"Backups in {folder} are not encrypted: they hold what the database holds.",
            "Set BACKUP_RECIPIENTS to age public keys, unless the disk itself is encrypted.",
        )
    return well("backup_folder", f"Backups are in {folder}, closed to others.")


def _tools(connection: sa.Connection | None) -> Finding:
    if connection is None:
        return skipped("backup_tools", "The database cannot be asked.")
    if connection.dialect.name == "sqlite":
        return well("backup_tools", "SQLite needs none.")
    if connection.dialect.name == "postgresql":
        server = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
        needed = int(server) // 10_000
        names = ("pg_dump", "pg_restore")
        is_here = all(find_postgresql_tool(name, needed) for name in names)
        package = f"postgresql-client-{needed}"
    else:
        pairs = (("mariadb-dump", "mysqldump"), ("mariadb", "mysql"))
        is_here = all(find_tool(*names) for names in pairs)
        package = "mariadb-client"
    if not is_here:
        return warn(
            "backup_tools",
            "The tools that dump and restore this database are not here.",
            f"Install {package}, or make backups from another machine.",
        )
    return well("backup_tools", f"What {package} has is here.")


def _age(connection: sa.Connection | None, settings: Settings) -> Finding:
    if connection is None or not sa.inspect(connection).has_table("backups"):
        return skipped("backup_age", "The database does not know of backups.")
    made_at = connection.execute(_LAST).scalar()
    longest = settings.backup_max_age or _USUAL_AGE
    if made_at is None:
        if settings.env == "dev" and settings.backup_max_age is None:
            return skipped("backup_age", "No backup was ever verified.")
        return warn("backup_age", "No backup was ever verified.", "backend backup create --verify")
    hours = (clock.now() - made_at) // dt.timedelta(hours=1)
    if clock.now() - made_at > longest:
        sentence = f"The last backup that was verified is {hours} hours old."
        return warn("backup_age", sentence, "backend backup create --verify")
    return well("backup_age", f"The last backup that was verified is {hours} hours old.")


@contextmanager
def _connection(settings: Settings) -> Iterator[sa.Connection | None]:
    """Lend a connection, if there is one to be had; why not is told by another check."""
    if engine_name(settings.url.drivername) == "sqlite":
        file = Path(str(settings.url.database))
        if nearest(file) != file:
            yield None
            return
        connection: sa.Connection | None = sa.create_engine(
            settings.url, poolclass=sa.NullPool
        ).connect()
    else:
        _, connection = sign_in(settings_way(settings))
    if connection is None:
        yield None
        return
    with hanging_up(connection):
        yield connection
