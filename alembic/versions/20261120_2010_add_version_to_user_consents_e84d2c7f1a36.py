"""Add version to user_consents.

Why: devices have a copy of what a person agreed to, and ask what of it has changed.
"""

import sqlalchemy as sa
from alembic import op

from bilayer.migrate import commits_each_statement

revision = "e84d2c7f1a36"
down_revision = "b3f8a1d06c52"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "user_consents",
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_column("user_consents", "version", if_exists=commits_each_statement())
