"""Begin."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade():
    op.execute("CREATE SCHEMA IF NOT EXISTS billing")
    op.execute("CREATE SCHEMA IF NOT EXISTS archive")
    op.create_table(
        "tenant",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
    )
    op.create_table(
        "invoice",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("tenant_id", sa.Integer, sa.ForeignKey("tenant.id", ondelete="CASCADE"), nullable=False),
        sa.Column("total", sa.Numeric(10, 2), nullable=False),
        schema="billing",
    )
    op.create_table(
        "invoice",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("invoice_id", sa.Integer, sa.ForeignKey("billing.invoice.id", ondelete="CASCADE")),
        sa.Column("reason", sa.Text),
        schema="archive",
    )
    op.create_table("Export", sa.Column("id", sa.Integer, primary_key=True), schema="archive")


def downgrade():
    op.drop_table("Export", schema="archive")
    op.drop_table("invoice", schema="archive")
    op.drop_table("invoice", schema="billing")
    op.drop_table("tenant")
