"""Create users.

Why: an account is the root of everything else; every table of a user refers to it. Sign-in
counters are not here, so that the table stays small and rarely written (on Citus it is copied to
every node).
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "3f9c1d7a42be"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("email", types.String(length=254), nullable=True),
        sa.Column("email_key", types.String(length=320), nullable=True),
        sa.Column("password_hash", types.String(length=255), nullable=True),
        sa.Column("full_name", types.String(length=200), nullable=True),
        sa.Column("role", types.String(length=20), server_default="viewer", nullable=False),
        sa.Column(
            "user_type", types.String(length=20), server_default="individual", nullable=False
        ),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.Column("updated_at", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_users")),
        sa.UniqueConstraint("email_key", name=op.f("uq_users_email_key")),
        sa.CheckConstraint("role IN ('viewer', 'maintainer', 'admin')", name=op.f("ck_users_role")),
        sa.CheckConstraint(
            "user_type IN ('guest', 'individual', 'member', 'admin')",
            name=op.f("ck_users_user_type"),
        ),
        sa.CheckConstraint(
            "user_type = 'guest' OR (email IS NOT NULL AND email_key IS NOT NULL"
            " AND password_hash IS NOT NULL)",
            name=op.f("ck_users_only_guests_lack_credentials"),
        ),
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("users", if_exists=commits_each_statement())
