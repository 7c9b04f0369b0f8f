"""Index deleted history.

Why: what devices have heard of is removed for good after a while, account by account. Without this
index that reads all rows. On PostgreSQL it holds the deleted ones only, so that it costs nothing to
whoever writes others; it is built while the table is written to, and an attempt that was killed
leaves one behind that is not valid, which the next attempt drops.
"""

import sqlalchemy as sa
from alembic import op

from bilayer.migrate import commits_each_statement

revision = "8b27d5c0e91f"
down_revision = "60c9b5e3d714"
branch_labels = None
depends_on = None

INDEX = "ix_history_is_deleted_user_id_updated_at"
COLUMNS = ["is_deleted", "user_id", "updated_at"]


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            _drop_concurrently()
            op.create_index(
                op.f(INDEX),
                "history",
                COLUMNS,
                postgresql_where=sa.text("is_deleted"),
                postgresql_concurrently=True,
            )
        return
    op.create_index(op.f(INDEX), "history", COLUMNS, if_not_exists=commits_each_statement())


def downgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        with op.get_context().autocommit_block():
            _drop_concurrently()
        return
    op.drop_index(op.f(INDEX), "history", if_exists=commits_each_statement())


def _drop_concurrently() -> None:
    op.drop_index(op.f(INDEX), "history", if_exists=True, postgresql_concurrently=True)
