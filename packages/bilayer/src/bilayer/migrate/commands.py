"""Alembic's commands for programs. Holds no rule of its own; ``run_env`` keeps those."""

import copy

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def upgrade(config: Config, revision: str = "head", *, url: str | sa.URL | None = None) -> None:
    """Apply the revisions up to ``revision``; does nothing if the database has them.

    Args:
        config: Where the scripts are.
        revision: ``head``, an id, or ``+n``.
        url: The database; without it, the one that ``env.py`` chooses.

    Raises:
        alembic.util.CommandError: As ``MigrationError`` if another process did not end, a table
            stayed locked, or the database is at an unknown revision; else from Alembic itself.
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


def _with_url(config: Config, url: str | sa.URL | None) -> Config:
    """Return a config that names the database; the URL never passes through the ini text."""
    if url is None:
        return config
    named = copy.copy(config)
    named.attributes = {**config.attributes, "url": url}
    return named
