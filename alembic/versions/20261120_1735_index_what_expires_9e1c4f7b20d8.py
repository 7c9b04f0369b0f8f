"""Index what expires.

Why: the maintenance takes away what is over, in small batches. Without these indexes each batch
reads all rows of its table, and on MariaDB locks them. The tables have rows, so on PostgreSQL the
indexes are built while they are written to; an attempt that was killed leaves one behind that is
not valid, which the next attempt drops.
"""

from alembic import op

from bilayer.migrate import commits_each_statement

revision = "9e1c4f7b20d8"
down_revision = "4d6e0b8a27c1"
branch_labels = None
depends_on = None

INDEXES = (
    ("sessions", "refresh_expires_at"),
    ("sessions", "revoked_at"),
    ("login_attempts", "updated_at"),
    ("email_tokens", "expires_at"),
    ("mail_outbox", "expires_at"),
)


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            _drop_concurrently()
            for table, column in INDEXES:
                name = op.f(f"ix_{table}_{column}")
                op.create_index(name, table, [column], postgresql_concurrently=True)
        return
    for table, column in INDEXES:
        name = op.f(f"ix_{table}_{column}")
        op.create_index(name, table, [column], if_not_exists=commits_each_statement())


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            _drop_concurrently()
        return
    for table, column in INDEXES:
        name = op.f(f"ix_{table}_{column}")
        op.drop_index(name, table, if_exists=commits_each_statement())


def _drop_concurrently() -> None:
    for table, column in INDEXES:
        name = op.f(f"ix_{table}_{column}")
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
