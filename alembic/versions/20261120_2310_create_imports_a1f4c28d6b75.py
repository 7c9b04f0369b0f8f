"""Create imports.

Why: an import of files that was killed goes on where it was, and one that was a mistake is undone
exactly. Both need to know what became of each record.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "a1f4c28d6b75"
down_revision = "d58e06b7f913"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "import_runs",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("source", types.Text(), nullable=False),
        sa.Column("profile_id", types.String(length=64), nullable=True),
        sa.Column("state", types.String(length=16), nullable=False),
        sa.Column("manifest", types.JSONDocument(), nullable=False),
        sa.Column(
            "counts",
            types.JSONDocument(),
            server_default=sa.text("('{}')"),
            nullable=False,
        ),
        sa.Column("started_at", types.UTCDateTime(), nullable=False),
        sa.Column("updated_at", types.UTCDateTime(), nullable=False),
        sa.Column("finished_at", types.UTCDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('running', 'finished', 'rolled_back')", name=op.f("ck_import_runs_state")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_import_runs_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_import_runs")),
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "import_items",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("run_id", types.UUID(), nullable=False),
        sa.Column("file", types.String(length=255), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pointer", types.Text(), nullable=False),
        sa.Column("record_hash", types.String(length=64), nullable=False),
        sa.Column("status", types.String(length=16), nullable=False),
        sa.Column("stored", types.JSONDocument(), nullable=False),
        sa.Column("original", types.JSONDocument(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "status IN ('added', 'merged', 'present', 'quarantined')",
            name=op.f("ck_import_items_status"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id", "run_id"],
            ["import_runs.user_id", "import_runs.id"],
            name=op.f("fk_import_items_user_id_run_id_import_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "user_id", "run_id", "file", "position", name=op.f("pk_import_items")
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "quarantine",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("run_id", types.UUID(), nullable=False),
        sa.Column("file", types.String(length=255), nullable=False),
        sa.Column("position", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("pointer", types.Text(), nullable=False),
        sa.Column("rule", types.String(length=64), nullable=False),
        sa.Column("reason", types.Text(), nullable=False),
        sa.Column("value", types.Text(), nullable=False),
        sa.Column("state", types.String(length=16), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("resolved_at", types.UTCDateTime(), nullable=True),
        sa.CheckConstraint("state IN ('open', 'resolved')", name=op.f("ck_quarantine_state")),
        sa.ForeignKeyConstraint(
            ["user_id", "run_id"],
            ["import_runs.user_id", "import_runs.id"],
            name=op.f("fk_quarantine_user_id_run_id_import_runs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "user_id", "run_id", "file", "position", "number", name=op.f("pk_quarantine")
        ),
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("quarantine", if_exists=commits_each_statement())
    op.drop_table("import_items", if_exists=commits_each_statement())
    op.drop_table("import_runs", if_exists=commits_each_statement())
