"""Create idempotency_keys.

Why: a client that did not hear the answer sends its request again. The answer is stored in the
transaction of the effect, so that both are there or neither, and is given once more. Keys are
made by clients, therefore the key begins with the user. The index finds what has expired.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "c4a7e19d52b8"
down_revision = "9ac6f41e7d03"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("key", types.String(length=255), nullable=False),
        sa.Column("fingerprint", types.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", types.Text(), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "key", name=op.f("pk_idempotency_keys")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_idempotency_keys_user_id_users"),
            ondelete="CASCADE",
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_idempotency_keys_expires_at"),
        "idempotency_keys",
        ["expires_at"],
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("idempotency_keys", if_exists=commits_each_statement())
