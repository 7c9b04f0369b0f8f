"""Which revisions the scripts have, and which of them a database says it has. Writes nothing."""

from collections.abc import Iterable

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from bilayer.migrate.engines import migration_engine
from bilayer.migrate.errors import MigrationError, UnknownRevision
from bilayer.migrate.limits import Limits
from bilayer.urls import parse_url


def current(url: str | sa.URL) -> tuple[str, ...]:
    """Return the revisions the database says it is at; none if it was never migrated."""
    with migration_engine(parse_url(url), Limits(), is_writer=False).connect() as connection:
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
        UnknownRevision: The database is at a revision the scripts do not have.
    """
    scripts = ScriptDirectory.from_config(config)
    found = current(url)
    require_known(scripts, found)
    missing = scripts.iterate_revisions("heads", found or "base")
    return tuple(reversed([script.revision for script in missing]))


def require_known(scripts: ScriptDirectory, revisions: Iterable[str]) -> None:
    """Make sure that the scripts have the revisions a database says it is at.

    Raises:
        UnknownRevision: They lack one.
    """
    for revision in revisions:
        try:
            scripts.get_revision(revision)
        except CommandError as error:
            raise UnknownRevision(revision) from error
