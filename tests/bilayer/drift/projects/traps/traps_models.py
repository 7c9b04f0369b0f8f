"""Models whose migrations say the same in other words: nothing may be found."""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData()


def table(name: str, *items: sa.Column[object] | sa.Constraint | sa.Index) -> sa.Table:
    """Define a table with an integer key."""
    return sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), *items)


table("clock", sa.Column("value", sa.DateTime, server_default=sa.func.now()))
table("quoted_number", sa.Column("value", sa.Integer, server_default="0"))
table("number_zeros", sa.Column("value", sa.Numeric(10, 2), server_default="0.00"))
table("boolean_default", sa.Column("value", sa.Boolean, server_default=sa.false()))
table("empty_text", sa.Column("value", sa.String(20), server_default=""))
table("null_default", sa.Column("value", sa.Integer))
table("json_default", sa.Column("value", sa.JSON, server_default="{}"))
table("numeric_synonym", sa.Column("value", sa.Numeric(10, 2)))
table("unicode_synonym", sa.Column("value", sa.String(20)))
table("text_synonym", sa.Column("value", sa.Text))
table("double_synonym", sa.Column("value", sa.Double))
table("boolean_synonym", sa.Column("value", sa.Boolean))
table("affinity", sa.Column("value", sa.Integer))
table("unique_shape", sa.Column("value", sa.Integer, unique=True))
table("check_spelling", sa.Column("kind", sa.String(20)), sa.CheckConstraint("kind IN ('a', 'b')"))
table("check_level", sa.Column("value", sa.Integer), sa.CheckConstraint("value >= 0", name="ck_a"))
table("link_name", sa.Column("value", sa.Integer, sa.ForeignKey("clock.id")))
table("link_no_action", sa.Column("value", sa.Integer, sa.ForeignKey("clock.id")))
table("link_index", sa.Column("value", sa.Integer, sa.ForeignKey("clock.id")))
table("index_name", sa.Column("value", sa.Integer, index=True))
table(
    "index_creation_order",
    sa.Column("a", sa.Integer, index=True),
    sa.Column("b", sa.Integer, index=True),
)
table("serial")
table(
    "document",
    sa.Column("value", sa.JSON().with_variant(mysql.JSON(), "mysql", "mariadb"), nullable=True),
)
table("reserved", sa.Column("order", sa.Integer), sa.Column("MixedCase", sa.Integer))
table(
    "enum_check",
    sa.Column("value", sa.Enum("a", "b", name="ab", native_enum=False, create_constraint=True)),
)
