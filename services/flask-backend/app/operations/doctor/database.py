"""What is asked of a database on any engine: its revision, its clock, its room for connections."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

import sqlalchemy as sa
from alembic.config import Config
from alembic.script import ScriptDirectory

from app import clock
from app.config import ALEMBIC_INI, Settings
from app.operations.connection_limit import CONNECTION_LIMIT
from app.operations.doctor.connecting import Way, find_address, hanging_up, sign_in
from app.operations.doctor.findings import Finding, skipped, warn, well, wrong
from app.operations.rights import find_flaws
from bilayer.urls import engine_name

MIGRATION_CHECKS: Final = ("migration_role",)

ROLES: Final = "Make the roles with the file in services/flask-backend/sql, and serve as app_rw."
UPGRADE: Final = "Run `backend db upgrade`."
_NOTICED_SKEW_SECONDS: Final = 2.0
_HARMFUL_SKEW_SECONDS: Final = 60.0


def settings_way(settings: Settings) -> Way:
    """Say how the service reaches its database."""
    return Way(settings.url, "DATABASE_HOST" if settings.database_host else "DATABASE_URL")


def ask(name: str, question: Callable[[], Finding]) -> Finding:
    """Return what a question finds; that it is not answered is a finding too."""
    try:
        return question()
    except sa.exc.DBAPIError as error:
        code = getattr(error.orig, "pgcode", None) or (error.orig.args or ("?",))[0]  # type: ignore[union-attr]
        return wrong(
            name,
            f"The database does not answer the question ({type(error.orig).__name__}, {code}).",
            "Look into the server's log; the role may lack a right.",
        )


def revision(connection: sa.Connection) -> Finding:
    """Compare the revision of the database with that of this code."""
    scripts = ScriptDirectory.from_config(Config(ALEMBIC_INI))
    head = scripts.get_current_head()
    known = {script.revision for script in scripts.walk_revisions()}
    if not sa.inspect(connection).has_table("alembic_version"):
        return wrong("database_revision", "The database was never migrated.", UPGRADE)
    found = set(connection.scalars(sa.text("SELECT version_num FROM alembic_version")))
    at = ", ".join(sorted(found)) or "no revision"
    if not found <= known:
        return warn(
            "database_revision",
            f"The database is at {at}, which this code does not have: a newer release has"
            " migrated it, or it is another project's.",
            "Deploy that release, or see docs/operations/roll-back.md.",
        )
    if found != {head}:
        missing = len(list(scripts.iterate_revisions("head", tuple(found) or "base")))
        text = f"The database is at {at}, {missing} behind {head}."
        return wrong("database_revision", text, UPGRADE)
    return well("database_revision", f"The database is at {at}, as this code.")


def rights(connection: sa.Connection, settings: Settings) -> Finding:
    """See whether the role can read and write rows, and can do nothing beyond."""
    role = connection.scalar(sa.text("SELECT current_user"))
    flaws = find_flaws(connection)
    if not flaws:
        return well("database_rights", f"The role {role} reads and writes rows, and no more.")
    sentence = f"The role {role} {'; it '.join(flaws)}."
    is_lacking = any(flaw.startswith("may not") for flaw in flaws)
    state = wrong if is_lacking or settings.env == "prod" else warn
    return state("database_rights", sentence, ROLES)


def skew(database_now: Callable[[], dt.datetime]) -> Finding:
    """Compare this machine's clock with the database's."""
    before = clock.now()
    theirs = database_now()
    after = clock.now()
    seconds = (theirs - (before + (after - before) / 2)).total_seconds()
    text = f"The clocks of this machine and of the database are {abs(seconds):.1f} s apart."
    fix = "Let both follow the same time servers (chrony, systemd-timesyncd)."
    if abs(seconds) > _HARMFUL_SKEW_SECONDS:
        return wrong("database_clock", text, f"{fix} Tokens and days end too early or too late.")
    if abs(seconds) > _NOTICED_SKEW_SECONDS:
        return warn("database_clock", text, fix)
    return well("database_clock", text)


def room(connection: sa.Connection, settings: Settings, in_use: int) -> Finding:
    """Count the connections that the workers may open against those the server allows.

    Args:
        connection: To the server.
        settings: How many connections each worker may open.
        in_use: How many there are now, of all programs.
    """
    limit = connection.scalar(sa.text(CONNECTION_LIMIT[engine_name(settings.url.drivername)]))
    text = f"The workers may open {settings.connections} connections; {limit} are allowed"
    text = f"{text}, {in_use} are in use."
    if settings.connections > int(limit or 0):
        return (wrong if settings.env == "prod" else warn)(
            "database_connections",
            text,
            "Lower WORKERS, DB_POOL_SIZE or DB_MAX_OVERFLOW, or raise max_connections.",
        )
    return well("database_connections", text)


def look_as_owner(settings: Settings) -> Iterator[Finding]:
    """See whether the role that migrates could."""
    if settings.migration_database_url is None:
        yield skipped("migration_role", "MIGRATION_DATABASE_URL is not set here.")
        return
    if engine_name(settings.migration_url.drivername) == "sqlite":
        yield skipped("migration_role", "SQLite knows no roles.")
        return
    way = Way(settings.migration_url, "MIGRATION_DATABASE_URL")
    found, connection = find_address(way), None
    if found.outcome != "problem":
        found, connection = sign_in(way)
    if connection is None:
        yield replace(found, name="migration_role")
        return
    with hanging_up(connection):
        yield ask("migration_role", partial(_owner, connection, settings))


def _owner(connection: sa.Connection, settings: Settings) -> Finding:
    role = settings.migration_url.username
    if settings.migration_url.database != settings.url.database:
        return wrong(
            "migration_role",
            "MIGRATION_DATABASE_URL and the service's settings name different databases.",
            "Name the same database in both, with different roles.",
        )
    if engine_name(settings.url.drivername) == "postgresql":
        question = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
        if not connection.scalar(sa.text(question)):
            return wrong(
                "migration_role",
                f"The role {role!r} may not create tables.",
                f"GRANT CREATE ON SCHEMA public TO {role}, or let it own the database.",
            )
    return well("migration_role", f"The role {role!r} can migrate.")
