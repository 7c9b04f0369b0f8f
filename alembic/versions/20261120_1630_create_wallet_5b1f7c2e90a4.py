"""Create the wallet.

Why: credits are spent from the allowance of a day and from what was paid for. A balance changes
only with a row of the ledger, whose unique key keeps each reason from counting twice. The archive
is the same ledger, where old rows go. The checks hold whatever the code does.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "5b1f7c2e90a4"
down_revision = "2d96b7e04fc1"
branch_labels = None
depends_on = None


_TYPES = (
    "transaction_type IN ('daily_reset', 'registration', 'spend', 'refund', 'capture', 'grant',"
    " 'purchase', 'reversal', 'reinstatement', 'claim', 'debt_payment', 'opening_balance')"
)


def upgrade() -> None:
    op.create_table(
        "user_credits",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("is_guest", sa.Boolean(), nullable=False),
        sa.Column("available_credits", sa.BigInteger(), nullable=False),
        sa.Column("max_credits", sa.BigInteger(), nullable=False),
        sa.Column("last_reset_timestamp", types.UTCDateTime(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.Column("updated_at", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.CheckConstraint(
            "available_credits >= 0", name=op.f("ck_user_credits_available_credits")
        ),
        sa.CheckConstraint("max_credits > 0", name=op.f("ck_user_credits_max_credits")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_user_credits_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_user_credits")),
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "credit_accounts",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("stripe_customer_id", types.String(length=255), nullable=True),
        sa.Column("credits_balance", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("held", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("debt", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("claimed_by", types.UUID(), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.Column("updated_at", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.CheckConstraint("credits_balance >= 0", name=op.f("ck_credit_accounts_credits_balance")),
        sa.CheckConstraint(
            "debt = 0 OR (debt > 0 AND credits_balance = held)",
            name=op.f("ck_credit_accounts_debt"),
        ),
        sa.CheckConstraint(
            "held >= 0 AND held <= credits_balance", name=op.f("ck_credit_accounts_held")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_credit_accounts_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_credit_accounts")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_credit_accounts_claimed_by"),
        "credit_accounts",
        ["claimed_by"],
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "credit_transactions",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("bucket", types.String(length=10), nullable=False),
        sa.Column("transaction_type", types.String(length=20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("reference", types.String(length=255), nullable=False),
        sa.Column("reason", types.String(length=500), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.CheckConstraint(
            "bucket IN ('daily', 'prepaid', 'debt')", name=op.f("ck_credit_transactions_bucket")
        ),
        sa.CheckConstraint(
            _TYPES,
            name=op.f("ck_credit_transactions_transaction_type"),
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_credit_transactions_amount")),
        sa.CheckConstraint("balance_after >= 0", name=op.f("ck_credit_transactions_balance_after")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_credit_transactions_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_credit_transactions")),
        sa.UniqueConstraint(
            "user_id", "transaction_type", "reference", "bucket", name="uq_credit_transactions_once"
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_credit_transactions_created_at"),
        "credit_transactions",
        ["created_at"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_credit_transactions_user_id_created_at_id"),
        "credit_transactions",
        ["user_id", "created_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "credit_transactions_archive",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("bucket", types.String(length=10), nullable=False),
        sa.Column("transaction_type", types.String(length=20), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("balance_after", sa.BigInteger(), nullable=False),
        sa.Column("reference", types.String(length=255), nullable=False),
        sa.Column("reason", types.String(length=500), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("archived_at", types.UTCDateTime(), nullable=False),
        sa.CheckConstraint(
            "bucket IN ('daily', 'prepaid', 'debt')",
            name=op.f("ck_credit_transactions_archive_bucket"),
        ),
        sa.CheckConstraint(
            _TYPES,
            name=op.f("ck_credit_transactions_archive_transaction_type"),
        ),
        sa.CheckConstraint("amount <> 0", name=op.f("ck_credit_transactions_archive_amount")),
        sa.CheckConstraint(
            "balance_after >= 0", name=op.f("ck_credit_transactions_archive_balance_after")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_credit_transactions_archive_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_credit_transactions_archive")),
        sa.UniqueConstraint(
            "user_id",
            "transaction_type",
            "reference",
            "bucket",
            name="uq_credit_transactions_archive_once",
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_credit_transactions_archive_created_at"),
        "credit_transactions_archive",
        ["created_at"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_credit_transactions_archive_user_id_created_at_id"),
        "credit_transactions_archive",
        ["user_id", "created_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "credit_holds",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("captured", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", types.String(length=10), server_default="open", nullable=False),
        sa.Column("reason", types.String(length=500), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("ended_at", types.UTCDateTime(), nullable=True),
        sa.CheckConstraint(
            "state IN ('open', 'captured', 'released', 'expired')",
            name=op.f("ck_credit_holds_state"),
        ),
        sa.CheckConstraint("amount > 0", name=op.f("ck_credit_holds_amount")),
        sa.CheckConstraint(
            "captured >= 0 AND captured <= amount", name=op.f("ck_credit_holds_captured")
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_credit_holds_user_id_users")
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_credit_holds")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_credit_holds_state_expires_at"),
        "credit_holds",
        ["state", "expires_at"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_credit_holds_user_id_created_at_id"),
        "credit_holds",
        ["user_id", "created_at", "id"],
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("credit_holds", if_exists=commits_each_statement())
    op.drop_table("credit_transactions_archive", if_exists=commits_each_statement())
    op.drop_table("credit_transactions", if_exists=commits_each_statement())
    op.drop_table("credit_accounts", if_exists=commits_each_statement())
    op.drop_table("user_credits", if_exists=commits_each_statement())
