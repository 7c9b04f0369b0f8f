"""Create logins and login_attempts.

Why: what can be guessed or repeated is counted, and each attempt writes its counters. The one of
an account from everywhere is in logins. Those that belong to no account alone are in
login_attempts, by a key: addresses, accounts from one address, and e-mails that nobody has, so
that neither table tells which e-mails are taken.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "e24a90b7c518"
down_revision = "5d07e8f3b61c"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "logins",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("last_login_at", types.UTCDateTime(), nullable=True),
        sa.Column("failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", types.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_logins")),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_logins_user_id_users"), ondelete="CASCADE"
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "login_attempts",
        sa.Column("key", types.String(length=128), nullable=False),
        sa.Column("failed", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", types.UTCDateTime(), nullable=True),
        sa.Column("updated_at", types.UTCDateTime(), server_default=types.utcnow(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_login_attempts")),
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("login_attempts", if_exists=commits_each_statement())
    op.drop_table("logins", if_exists=commits_each_statement())
