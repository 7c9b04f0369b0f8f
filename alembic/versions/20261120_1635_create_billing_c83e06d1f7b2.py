"""Create billing.

Why: what was paid is credited once, however often and in whatever order Stripe tells of it. Objects
outside are claimed in stripe_objects, which belongs to nobody. Events are kept, so that they can be
looked at again.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "c83e06d1f7b2"
down_revision = "5b1f7c2e90a4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transactions",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("transaction_id", types.UUID(), nullable=False),
        sa.Column("stripe_session_id", types.String(length=255), nullable=False),
        sa.Column("payment_intent_id", types.String(length=255), nullable=True),
        sa.Column("amount_paid_cents", sa.BigInteger(), nullable=False),
        sa.Column("currency", types.String(length=3), nullable=False),
        sa.Column("credits_added", sa.BigInteger(), nullable=False),
        sa.Column("refunded_cents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("disputed_cents", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("credits_reversed", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.CheckConstraint(
            "amount_paid_cents >= 0", name=op.f("ck_transactions_amount_paid_cents")
        ),
        sa.CheckConstraint("credits_added > 0", name=op.f("ck_transactions_credits_added")),
        sa.CheckConstraint(
            "credits_reversed >= 0 AND credits_reversed <= credits_added",
            name=op.f("ck_transactions_credits_reversed"),
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_transactions_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", "transaction_id", name=op.f("pk_transactions")),
        sa.UniqueConstraint(
            "user_id", "stripe_session_id", name=op.f("uq_transactions_user_id_stripe_session_id")
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_transactions_user_id_created_at_transaction_id"),
        "transactions",
        ["user_id", "created_at", "transaction_id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "stripe_objects",
        sa.Column("object_id", types.String(length=255), nullable=False),
        sa.Column("kind", types.String(length=30), nullable=False),
        sa.Column("parent_id", types.String(length=255), nullable=True),
        sa.Column("user_id", types.UUID(), nullable=True),
        sa.Column("transaction_id", types.UUID(), nullable=True),
        sa.Column("amount_cents", sa.BigInteger(), nullable=True),
        sa.Column("status", types.String(length=40), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("object_id", "kind", name=op.f("pk_stripe_objects")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_stripe_objects_parent_id"),
        "stripe_objects",
        ["parent_id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "stripe_events",
        sa.Column("event_id", types.String(length=255), nullable=False),
        sa.Column("type", types.String(length=100), nullable=False),
        sa.Column("livemode", sa.Boolean(), nullable=False),
        sa.Column("state", types.String(length=10), server_default="unmatched", nullable=False),
        sa.Column("reason", types.String(length=200), nullable=True),
        sa.Column("parent_id", types.String(length=255), nullable=True),
        sa.Column("payload", types.JSONDocument(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("received_at", types.UTCDateTime(), nullable=False),
        sa.Column("processed_at", types.UTCDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('processed', 'unmatched')", name=op.f("ck_stripe_events_state")
        ),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_stripe_events")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_stripe_events_parent_id"),
        "stripe_events",
        ["parent_id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_stripe_events_state_received_at"),
        "stripe_events",
        ["state", "received_at"],
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("stripe_events", if_exists=commits_each_statement())
    op.drop_table("stripe_objects", if_exists=commits_each_statement())
    op.drop_table("transactions", if_exists=commits_each_statement())
