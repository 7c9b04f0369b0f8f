"""Add email_verified_at to users.

Why: whoever signs up writes an address; only a link sent there shows that it is theirs.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "71f0b3d96ea4"
down_revision = "c4a7e19d52b8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "users",
        sa.Column("email_verified_at", types.UTCDateTime(), nullable=True),
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_column("users", "email_verified_at", if_exists=commits_each_statement())
