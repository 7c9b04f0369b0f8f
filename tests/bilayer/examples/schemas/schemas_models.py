"""Two schemas beside public."""

import sqlalchemy as sa

metadata = sa.MetaData()

tenant = sa.Table(
    "tenant",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(80), nullable=False),
)
invoice = sa.Table(
    "invoice",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("tenant_id", sa.ForeignKey("tenant.id", ondelete="CASCADE"), nullable=False),
    sa.Column("total", sa.Numeric(10, 2), nullable=False),
    schema="billing",
)
old_invoice = sa.Table(
    "invoice",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("invoice_id", sa.ForeignKey("billing.invoice.id", ondelete="CASCADE")),
    sa.Column("reason", sa.Text),
    schema="archive",
)
export = sa.Table(
    "Export",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("path", sa.String(200)),  # BL202 archive.Export.path
    schema="archive",
)
