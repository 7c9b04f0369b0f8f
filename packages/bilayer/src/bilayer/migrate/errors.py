"""What can go wrong while migrating, beyond what Alembic and the database say themselves."""

from alembic.util import CommandError

from bilayer.errors import BilayerError


class MigrationError(BilayerError, CommandError):
    """The database was not migrated. Alembic's command line prints the message and exits."""


class LockNotAcquired(MigrationError):
    """Another process went on migrating for longer than this one was told to wait."""


class UnknownRevision(MigrationError):
    """The database is at a revision the scripts do not have.

    Either a newer release has migrated it, or it is another project's database.
    """

    def __init__(self, revision: str) -> None:
        super().__init__(
            f"the database is at revision {revision}, which this release does not have: a newer"
            " release has migrated it, or it belongs to another project. Nothing was applied"
        )
        self.revision = revision
