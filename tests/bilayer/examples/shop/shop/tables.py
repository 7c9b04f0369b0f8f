"""The tables the application queries."""

from pydal import Field
from pydal.validators import IS_IN_SET


def define_tables(db):
    db.define_table(  # BL202 customer.terms_version
        "customer",
        Field("public_id", length=36),  # BL204 customer.public_id; BL209 customer.public_id
        Field("email", length=120, notnull=True),
        Field("status", length=7, default="Active", requires=IS_IN_SET(["Active", "blocked"])),  # BL216 customer.status; BL210 customer.status
        Field("preferences", "list:string"),  # BL406 customer.preferences
        Field("points", "double"),  # BL204 customer.points
        Field("balance", "decimal(10,2)", notnull=True, default=0),  # BL206 customer.balance
        Field("created_at", "datetime"),  # BL402 customer.created_at
        Field("phone"),  # BL202 customer.phone
    )
    db.define_table(
        "order_line",
        Field("customer_id", "reference customer", notnull=True),
        Field("gift", "boolean"),  # BL209 order_line.gift
        Field("note", "text"),
        Field("created_at", "datetime"),  # BL402 order_line.created_at
    )
