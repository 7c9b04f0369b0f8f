"""PyDAL's tables."""

from pydal import Field


def define_tables(db):
    db.define_table("tenant", Field("name", length=80, notnull=True))
    db.define_table(
        "invoice",
        Field("tenant_id", "reference tenant", notnull=True),
        Field("total", "double", notnull=True),  # BL405 billing.invoice.total
        rname='"billing"."invoice"',
    )
    db.define_table(
        "archived_invoice",
        Field("invoice_id", "reference invoice"),
        Field("reason", "text"),
        Field("removed_on", "date"),  # BL202 archive.invoice.removed_on
        rname="archive.invoice",
    )
    # Folded to lower case, which is another table.
    db.define_table("export", Field("path", length=200), rname="archive.Export")  # BL203 archive.Export
