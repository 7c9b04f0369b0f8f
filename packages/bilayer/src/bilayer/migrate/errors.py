"""What can go wrong while migrating, beyond what Alembic and the database say themselves."""

from alembic.util import CommandError

from bilayer.errors import BilayerError


class MigrationError(BilayerError, CommandError):
    """The database was not migrated. Alembic's command line prints the message and exits."""


class LockNotAcquired(MigrationError):
    """Another process went on migrating for longer than this one was told to wait."""
