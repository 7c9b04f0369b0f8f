"""Create sessions.

Why: tokens are opaque and can be revoked at once, so each one is a row. Only hashes are kept. A
token carries its user, therefore the hashes are unique within the user.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "5d07e8f3b61c"
down_revision = "b81e5c20d94a"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sessions",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("family_id", types.UUID(), nullable=False),
        sa.Column("token_hash", types.String(length=64), nullable=False),
        sa.Column("refresh_hash", types.String(length=64), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("last_used_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("refresh_expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("rotated_at", types.UTCDateTime(), nullable=True),
        sa.Column("revoked_at", types.UTCDateTime(), nullable=True),
        sa.Column("user_agent", types.String(length=255), nullable=True),
        sa.Column("address", types.String(length=45), nullable=True),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("user_id", "token_hash", name=op.f("uq_sessions_user_id_token_hash")),
        sa.UniqueConstraint(
            "user_id", "refresh_hash", name=op.f("uq_sessions_user_id_refresh_hash")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sessions_user_id_users"), ondelete="CASCADE"
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_sessions_user_id_family_id"),
        "sessions",
        ["user_id", "family_id"],
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("sessions", if_exists=commits_each_statement())
