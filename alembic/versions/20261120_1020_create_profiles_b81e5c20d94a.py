"""Create profiles.

Why: what people say about themselves changes often and is synchronized; ``users`` is neither.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "b81e5c20d94a"
down_revision = "3f9c1d7a42be"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "profiles",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("display_name", types.String(length=100), nullable=True),
        sa.Column("avatar_url", types.String(length=2048), nullable=True),
        sa.Column("first_name", types.String(length=100), nullable=True),
        sa.Column("last_name", types.String(length=100), nullable=True),
        sa.Column("phone", types.String(length=40), nullable=True),
        sa.Column("timezone", types.String(length=64), nullable=True),
        sa.Column("language_preference", types.String(length=35), nullable=True),
        sa.Column(
            "preferences", types.JSONDocument(), server_default=sa.text("('{}')"), nullable=False
        ),
        sa.Column("updated_at", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_profiles")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_profiles_user_id_users"), ondelete="CASCADE"
        ),
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("profiles", if_exists=commits_each_statement())
