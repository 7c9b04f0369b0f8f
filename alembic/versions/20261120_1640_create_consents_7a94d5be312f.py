"""Create consents.

Why: what a person agreed to holds now (user_consents), and must be proven later (consent_events and
the texts). Who was forgotten is kept, to be forgotten again after a backup is restored.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "7a94d5be312f"
down_revision = "c83e06d1f7b2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_consents",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("terms_accepted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("terms_version", types.String(length=50), nullable=True),
        sa.Column("marketing_consent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("timestamp", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.Column("updated_at", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_user_consents_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_consents")),
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "consent_events",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("purpose", types.String(length=20), nullable=False),
        sa.Column("decision", types.String(length=20), nullable=False),
        sa.Column("document", types.String(length=50), nullable=True),
        sa.Column("document_version", types.String(length=50), nullable=True),
        sa.Column("language", types.String(length=35), nullable=True),
        sa.Column("sha256", types.String(length=64), nullable=True),
        sa.Column("method", types.String(length=30), nullable=False),
        sa.Column("surface", types.String(length=100), nullable=True),
        sa.Column("address", types.String(length=45), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.CheckConstraint(
            "decision IN ('accepted', 'withdrawn')", name=op.f("ck_consent_events_decision")
        ),
        sa.CheckConstraint(
            "purpose IN ('terms', 'marketing')", name=op.f("ck_consent_events_purpose")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_consent_events_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_consent_events")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_consent_events_user_id_created_at_id"),
        "consent_events",
        ["user_id", "created_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "consent_documents",
        sa.Column("document", types.String(length=50), nullable=False),
        sa.Column("version", types.String(length=50), nullable=False),
        sa.Column("language", types.String(length=35), nullable=False),
        sa.Column("sha256", types.String(length=64), nullable=False),
        sa.Column("body", types.Text(), nullable=False),
        sa.Column("effective_at", types.UTCDateTime(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "document", "version", "language", name=op.f("pk_consent_documents")
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_consent_documents_document_effective_at"),
        "consent_documents",
        ["document", "effective_at"],
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "erasures",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("erased_at", types.UTCDateTime(), nullable=False),
        sa.Column("finished_at", types.UTCDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_erasures_user_id_users")),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_erasures")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_erasures_finished_at_erased_at"),
        "erasures",
        ["finished_at", "erased_at"],
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("erasures", if_exists=commits_each_statement())
    op.drop_table("consent_documents", if_exists=commits_each_statement())
    op.drop_table("consent_events", if_exists=commits_each_statement())
    op.drop_table("user_consents", if_exists=commits_each_statement())
