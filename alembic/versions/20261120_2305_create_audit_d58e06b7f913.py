"""Create audit.

Why: who changed what must be known afterwards, and that nobody has changed that. Values have a
digest of their own, so that they can be erased while the chain of blocks stays whole.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "d58e06b7f913"
down_revision = "3c7a91e5d240"
branch_labels = None
depends_on = None

GUARD = """
DO $$
DECLARE
    role name;
BEGIN
    FOR role IN
        SELECT DISTINCT grantee FROM information_schema.role_table_grants
        WHERE table_schema = current_schema() AND table_name = 'audit_log'
            AND privilege_type = 'DELETE' AND grantee <> current_user
    LOOP
        EXECUTE format('REVOKE UPDATE, DELETE ON audit_log, audit_blocks FROM %I', role);
        EXECUTE format('GRANT UPDATE (block, record_id, old_value, new_value, salt)'
            ' ON audit_log TO %I', role);
    END LOOP;
END
$$
"""
"""Who may change rows by default may add here, seal, and erase; nothing else, and no row goes."""


def upgrade() -> None:
    op.create_table(
        "audit_blocks",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("previous", types.String(length=64), nullable=False),
        sa.Column("entries", types.Text(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("sealed_at", types.UTCDateTime(), nullable=False),
        sa.Column("hash", types.String(length=64), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_audit_blocks_number")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_blocks")),
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "audit_log",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("table_name", types.String(length=64), nullable=False),
        sa.Column("record_id", types.String(length=255), nullable=False),
        sa.Column("action", types.String(length=8), nullable=False),
        sa.Column("old_value", types.JSONDocument(), nullable=True),
        sa.Column("new_value", types.JSONDocument(), nullable=True),
        sa.Column("changed_at", types.UTCDateTime(), nullable=False),
        sa.Column("changed_by", types.String(length=64), nullable=False),
        sa.Column("request_id", types.String(length=64), nullable=True),
        sa.Column("salt", types.String(length=32), nullable=True),
        sa.Column("values_digest", types.String(length=64), nullable=False),
        sa.Column("digest", types.String(length=64), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "action IN ('insert', 'update', 'delete')", name=op.f("ck_audit_log_action")
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_audit_log")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_audit_log_block_changed_at"),
        "audit_log",
        ["block", "changed_at"],
        postgresql_where=sa.text("block IS NULL"),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_audit_log_changed_at_id"),
        "audit_log",
        ["changed_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_audit_log_changed_by_changed_at_id"),
        "audit_log",
        ["changed_by", "changed_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_audit_log_table_name_record_id_changed_at_id"),
        "audit_log",
        ["table_name", "record_id", "changed_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_audit_log_user_id_changed_at_id"),
        "audit_log",
        ["user_id", "changed_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    if op.get_context().dialect.name == "postgresql":
        op.execute(GUARD)


def downgrade() -> None:
    op.drop_table("audit_blocks", if_exists=commits_each_statement())
    op.drop_table("audit_log", if_exists=commits_each_statement())
