"""Create history.

Why: clients list their actions newest first (the index with created_at) and fetch what changed
since a version (the index with version). Ids may be made by clients, therefore the key begins
with the user.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "9ac6f41e7d03"
down_revision = "e24a90b7c518"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "history",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("action_type", types.String(length=50), nullable=False),
        sa.Column("payload", types.JSONDocument(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.Column("updated_at", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_history")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_history_user_id_users"), ondelete="CASCADE"
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_history_user_id_created_at_id"),
        "history",
        ["user_id", "created_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_history_user_id_version"),
        "history",
        ["user_id", "version"],
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("history", if_exists=commits_each_statement())
