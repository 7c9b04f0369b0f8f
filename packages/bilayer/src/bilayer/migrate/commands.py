"""Alembic's commands for programs. Holds no rule of its own; ``run_env`` keeps those."""

import copy

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from bilayer.migrate.engines import migration_engine, sqlite_path
from bilayer.migrate.errors import MigrationError
from bilayer.migrate.limits import Limits
from bilayer.urls import engine_name, parse_url


def upgrade(config: Config, revision: str = "head", *, url: str | sa.URL | None = None) -> None:
    """Apply the revisions up to ``revision``; does nothing if the database has them.

    Args:
        config: Where the scripts are.
        revision: ``head``, an id, or ``+n``.
        url: The database; without it, the one that ``env.py`` chooses.

    Raises:
        alembic.util.CommandError: As ``MigrationError`` if another process did not end or a
            table stayed locked; else from Alembic itself.
    """
    command.upgrade(_with_url(config, url), revision)


def downgrade(config: Config, revision: str, *, url: str | sa.URL | None = None) -> None:
    """Undo the revisions after ``revision``: ``base``, an id, or ``-n``."""
    command.downgrade(_with_url(config, url), revision)


def stamp(config: Config, revision: str = "head", *, url: str | sa.URL | None = None) -> None:
    """Write down that the database is at ``revision``, without running anything."""
    command.stamp(_with_url(config, url), revision)


def check(config: Config, *, url: str | sa.URL | None = None) -> None:
    """Compare the models with the database.

    Raises:
        alembic.util.CommandError: They differ, or the database is not at the head.
    """
    command.check(_with_url(config, url))


def current(url: str | sa.URL) -> tuple[str, ...]:
    """Return the revisions the database says it is at; none if it was never migrated."""
    parsed = parse_url(url)
    if engine_name(parsed.drivername) == "sqlite":
        path = sqlite_path(parsed)
        if path is None or not path.exists():
            return ()
    with migration_engine(parsed, Limits(), is_writer=False).connect() as connection:
        return MigrationContext.configure(connection).get_current_heads()


def head(config: Config) -> str:
    """Return the one revision nothing comes after.

    Raises:
        MigrationError: There is none, or more than one.
    """
    heads = ScriptDirectory.from_config(config).get_heads()
    if len(heads) != 1:
        raise MigrationError(f"there must be one head revision, not {len(heads)}: {heads}")
    return heads[0]


def pending(config: Config, url: str | sa.URL) -> tuple[str, ...]:
    """Return the revisions the database lacks, in the order they would be applied.

    Raises:
        alembic.util.CommandError: The database is at a revision the scripts do not have.
    """
    scripts = ScriptDirectory.from_config(config)
    found = current(url)
    scripts.get_revisions(found)
    missing = scripts.iterate_revisions("heads", found or "base")
    return tuple(reversed([script.revision for script in missing]))


def _with_url(config: Config, url: str | sa.URL | None) -> Config:
    """Return a config that names the database; the URL never passes through the ini text."""
    if url is None:
        return config
    named = copy.copy(config)
    named.attributes = {**config.attributes, "url": url}
    return named
