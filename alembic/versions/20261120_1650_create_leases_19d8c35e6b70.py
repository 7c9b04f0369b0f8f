"""Create leases.

Why: of many workers one computes an answer or cleans up; one that died is replaced after a while.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "19d8c35e6b70"
down_revision = "e6027f9c4ad8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("name", types.String(length=200), nullable=False),
        sa.Column("holder", types.UUID(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_leases_expires_at"),
        "leases",
        ["expires_at"],
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("leases", if_exists=commits_each_statement())
