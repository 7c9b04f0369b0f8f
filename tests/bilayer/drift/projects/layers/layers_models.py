"""Models from which PyDAL's tables differ: one difference a table, which is named after it."""

import uuid

import sqlalchemy as sa

metadata = sa.MetaData()


def table(name: str, *items: sa.Column[object] | sa.Constraint) -> None:
    """Define a table with an integer key."""
    sa.Table(name, metadata, sa.Column("id", sa.Integer, primary_key=True), *items)


sa.Table("table_unknown_to_pydal", metadata, sa.Column("id", sa.Integer, primary_key=True))
table("column_unknown_to_pydal", sa.Column("nickname", sa.String(20)))
table("required_column_unknown_to_pydal", sa.Column("code", sa.String(20), nullable=False))
table("filled_column_unknown_to_pydal", sa.Column("code", sa.Integer, nullable=False, default=1))
table("column_unknown_to_models")
table("name_case", sa.Column("email", sa.String(20)))
table("column_order", sa.Column("a", sa.Integer), sa.Column("b", sa.Integer))
table("type_family", sa.Column("value", sa.String(20)))
table("text_for_number", sa.Column("value", sa.Integer))
table("text_length", sa.Column("value", sa.String(50)))
table("unset_length", sa.Column("value", sa.String(50)))
table("number_precision", sa.Column("value", sa.Numeric(12, 4)))
table("integer_too_wide", sa.Column("value", sa.Integer))
table("not_required", sa.Column("value", sa.Integer, nullable=False))
table("not_required_but_filled", sa.Column("value", sa.Integer, nullable=False, server_default="1"))
table("required_by_pydal", sa.Column("value", sa.Integer))
table("default_value", sa.Column("value", sa.String(20), server_default="viewer"))
table("python_default", sa.Column("value", sa.Integer, default=1))
table("python_onupdate", sa.Column("value", sa.Integer, onupdate=1))
table("computed", sa.Column("a", sa.Integer), sa.Column("value", sa.Integer, sa.Computed("a * 2")))
sa.Table(
    "numbering",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
)
sa.Table(
    "primary_key",
    metadata,
    sa.Column("a", sa.String(20), primary_key=True),
    sa.Column("b", sa.String(20), primary_key=True),
)
table("unique_missing", sa.Column("value", sa.Integer))
table("link_missing", sa.Column("value", sa.Integer))
table("link_target", sa.Column("value", sa.Integer, sa.ForeignKey("name_case.id")))
table(
    "link_action", sa.Column("value", sa.Integer, sa.ForeignKey("name_case.id", ondelete="CASCADE"))
)
table("boolean_letters", sa.Column("value", sa.Boolean))
table("naive_time", sa.Column("value", sa.DateTime(timezone=True)))
table("base64_bytes", sa.Column("value", sa.LargeBinary))
table("uuid_text", sa.Column("value", sa.Uuid))
table("inexact_decimal", sa.Column("value", sa.Numeric(20, 4)))
table("list_storage", sa.Column("value", sa.Text))
table("json_in_text", sa.Column("value", sa.Text))
table("pydal_migrates")
sa.Table("id_is_text", metadata, sa.Column("id", sa.Uuid, primary_key=True, default=uuid.uuid4))
table("unknown_type", sa.Column("value", sa.BigInteger))
table("undefined_reference", sa.Column("value", sa.Integer))
table("reserved_word", sa.Column("order", sa.Integer))
table("refused_name", sa.Column("update", sa.Integer))
table("defined_twice")
table("definition_refused", sa.Column("a", sa.Integer))
