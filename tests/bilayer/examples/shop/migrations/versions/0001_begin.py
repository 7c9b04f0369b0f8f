"""Begin."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.create_table(
        "customer",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("public_id", sa.Uuid(), nullable=False, unique=True),
        sa.Column("email", sa.String(120), nullable=False, unique=True),
        sa.Column(
            "status",
            sa.Enum("active", "blocked", name="customer_status"),
            nullable=False,
            server_default="active",
        ),
        sa.Column("preferences", sa.JSON()),
        sa.Column("points", sa.Integer(), server_default="0"),
        sa.Column("terms_version", sa.Integer(), nullable=False),
        sa.Column("balance", sa.Numeric(12, 2), nullable=False, server_default="0"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "order_line",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("customer_id", sa.Integer(), sa.ForeignKey("customer.id"), nullable=False),
        sa.Column("gift", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )  # Nobody wrote the revision that adds the note.
    op.create_table(
        "newsletter_issue",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("subject", sa.String(120)),  # BL205 newsletter_issue.subject
    )


def downgrade():
    op.drop_table("newsletter_issue")
    op.drop_table("order_line")
    op.drop_table("customer")
    sa.Enum(name="customer_status").drop(op.get_bind(), checkfirst=True)
