"""Create email_tokens.

Why: a link that was sent by mail works once, for its purpose, for a while, and only the latest of
its purpose; so there is one row for each. Only the digest of its secret is kept.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "a83c5f1e9d20"
down_revision = "71f0b3d96ea4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "email_tokens",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("purpose", types.String(length=20), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("token_hash", types.String(length=64), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "purpose", name=op.f("pk_email_tokens")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_email_tokens_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "purpose IN ('email_verification', 'password_reset')",
            name=op.f("ck_email_tokens_purpose"),
        ),
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("email_tokens", if_exists=commits_each_statement())
