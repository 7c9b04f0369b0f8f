"""Create mail_outbox.

Why: a mail is promised in the transaction that needs it and sent after it. Whoever delivers looks
for what is due (the index). A row names the mail; its text, address and secret are not here.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "2d96b7e04fc1"
down_revision = "a83c5f1e9d20"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mail_outbox",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("kind", types.String(length=30), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_mail_outbox")),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_mail_outbox_user_id_users"),
            ondelete="CASCADE",
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_mail_outbox_next_attempt_at"),
        "mail_outbox",
        ["next_attempt_at"],
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("mail_outbox", if_exists=commits_each_statement())
