"""Create backups.

Why: a backup that was never restored is a hope. The service tells how old the last one is that was
restored and compared, on whatever machine that was.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "f02b9d73c8e6"
down_revision = "a1f4c28d6b75"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "backups",
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("name", types.String(length=64), nullable=False),
        sa.Column("engine", types.String(length=16), nullable=False),
        sa.Column("revision", types.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", types.String(length=64), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("verified_at", types.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backups")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_backups_verified_at"),
        "backups",
        ["verified_at"],
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("backups", if_exists=commits_each_statement())
