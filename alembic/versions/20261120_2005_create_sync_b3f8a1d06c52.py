"""Create sync.

Why: devices that were offline ask what has changed since the version they have. A counter for each
account, taken by the transaction that changes something and locked until it commits, is the only
order in which nothing comes late; times and sequences are taken before the commit.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "b3f8a1d06c52"
down_revision = "9e1c4f7b20d8"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", types.UUID(), nullable=False),
        sa.Column("raised_at", types.UTCDateTime(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "sync_heads",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("epoch", types.UUID(), nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("changed_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_sync_heads_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_sync_heads")),
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "sync_clients",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("client_id", types.String(length=64), nullable=False),
        sa.Column("name", types.String(length=100), nullable=True),
        sa.Column("acked_version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("epoch", types.UUID(), nullable=False),
        sa.Column("first_seen_at", types.UTCDateTime(), nullable=False),
        sa.Column("last_seen_at", types.UTCDateTime(), nullable=False),
        sa.Column("revoked_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_sync_clients_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "client_id", name=op.f("pk_sync_clients")),
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "sync_mutations",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("client_id", types.String(length=64), nullable=False),
        sa.Column("mutation_id", types.String(length=64), nullable=False),
        sa.Column("result", types.JSONDocument(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_sync_mutations_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "user_id", "client_id", "mutation_id", name=op.f("pk_sync_mutations")
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_sync_mutations_created_at"),
        "sync_mutations",
        ["created_at"],
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("sync_mutations", if_exists=commits_each_statement())
    op.drop_table("sync_clients", if_exists=commits_each_statement())
    op.drop_table("sync_heads", if_exists=commits_each_statement())
    op.drop_table("installation", if_exists=commits_each_statement())
