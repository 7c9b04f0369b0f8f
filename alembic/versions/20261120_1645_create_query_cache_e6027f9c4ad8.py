"""Create query_cache.

Why: what was computed for one is given to the next. It may vanish at any time, so PostgreSQL need
not write it twice.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "e6027f9c4ad8"
down_revision = "7a94d5be312f"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "query_cache",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("scope", types.String(length=10), nullable=False),
        sa.Column("query_hash", types.String(length=64), nullable=False),
        sa.Column("result", types.JSONDocument(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("cached_at", types.UTCDateTime(), nullable=False),
        sa.Column("stale_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.CheckConstraint(
            "scope IN ('public', 'user', 'guest')", name=op.f("ck_query_cache_scope")
        ),
        sa.CheckConstraint("expires_at > cached_at", name=op.f("ck_query_cache_expires_at")),
        sa.CheckConstraint(
            "stale_at >= cached_at AND stale_at <= expires_at", name=op.f("ck_query_cache_stale_at")
        ),
        sa.PrimaryKeyConstraint("user_id", "scope", "query_hash", name=op.f("pk_query_cache")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_query_cache_cached_at_size_bytes"),
        "query_cache",
        ["cached_at", "size_bytes"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_query_cache_expires_at"),
        "query_cache",
        ["expires_at"],
        if_not_exists=commits_each_statement(),
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute("ALTER TABLE query_cache SET UNLOGGED")


def downgrade() -> None:
    op.drop_table("query_cache", if_exists=commits_each_statement())
