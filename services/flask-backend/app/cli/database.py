"""``backend db``: migrations, as the role that owns the tables."""

import logging
import sys

import click
from alembic.config import Config
from alembic.util import CommandError

from app.cli.edges import EXIT_CODES, FAILED, answer, as_json, require_settings, told
from app.config import ALEMBIC_INI
from bilayer import migrate


@click.group("db", epilog=EXIT_CODES)
def database() -> None:
    """Migrate the database (MIGRATION_DATABASE_URL, else DATABASE_URL).

    Any number may be started at once: one migrates, the others wait and find nothing to do.

    \b
    Example:
      backend db upgrade
    """
    logging.basicConfig(level=logging.INFO, format="%(message)s")


@database.command(epilog=EXIT_CODES)
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Apply migrations up to REVISION.

    \b
    Example:
      backend db upgrade
    """
    url = require_settings().migration_url
    with told():
        migrate.upgrade(_config(), revision, url=url)


@database.command(context_settings={"ignore_unknown_options": True}, epilog=EXIT_CODES)
@click.argument("revision")
def downgrade(revision: str) -> None:
    """Take migrations back down to REVISION: an id, -1 or base.

    \b
    Example:
      backend db downgrade -1
    """
    url = require_settings().migration_url
    with told():
        migrate.downgrade(_config(), revision, url=url)


@database.command(epilog=EXIT_CODES)
@click.argument("revision", default="head")
def stamp(revision: str) -> None:
    """Say that the database is at REVISION, without migrating it.

    \b
    Example:
      backend db stamp head
    """
    url = require_settings().migration_url
    with told():
        migrate.stamp(_config(), revision, url=url)


@database.command(epilog=EXIT_CODES)
@as_json
def current(*, is_json: bool) -> None:
    """Show the revision of the database, and of this code.

    \b
    Example:
      backend db current --json
    """
    url = require_settings().migration_url
    with told():
        revisions = list(migrate.current(url))
        head = migrate.head(_config())
        state = "up to date" if revisions == [head] else f"this code needs {head}"
        facts = {"current": revisions, "head": head, "is_current": revisions == [head]}
        answer(is_json, facts, f"{', '.join(revisions) or 'never migrated'} ({state})")


@database.command(epilog=EXIT_CODES)
@as_json
def check(*, is_json: bool) -> None:
    """Tell whether the database is what the models say.

    If it is not, the exit code is 1.

    \b
    Example:
      backend db check
    """
    url = require_settings().migration_url
    with told():
        try:
            migrate.check(_config(), url=url)
        except CommandError as error:
            answer(is_json, {"is_equal": False, "difference": str(error)}, str(error))
            raise SystemExit(FAILED) from None
        answer(is_json, {"is_equal": True}, "The database is what the models say.")


def _config() -> Config:
    """Read Alembic's settings. What it prints is progress, so it goes where progress goes."""
    return Config(ALEMBIC_INI, stdout=sys.stderr)
