"""PyDAL's tables over ``layers_models``: one difference a table, which is named after it."""

from typing import Any

from pydal import Field


def define(db: Any) -> None:
    """Define the tables."""
    db.define_table("column_unknown_to_pydal")
    db.define_table("required_column_unknown_to_pydal")
    db.define_table("filled_column_unknown_to_pydal")
    db.define_table(
        "column_unknown_to_models",
        Field("nickname"),
    )
    db.define_table("table_unknown_to_models")
    db.define_table("name_case", Field("Email", length=20))
    db.define_table("column_order", Field("b", "integer"), Field("a", "integer"))
    db.define_table("type_family", Field("value", "integer"))
    db.define_table("text_for_number", Field("value", length=20))
    db.define_table("text_length", Field("value", length=80))
    db.define_table("unset_length", Field("value"))
    db.define_table("number_precision", Field("value", "decimal(10,2)"))
    db.define_table("integer_too_wide", Field("value", "bigint"))
    db.define_table("not_required", Field("value", "integer"))
    db.define_table("not_required_but_filled", Field("value", "integer"))
    db.define_table("required_by_pydal", Field("value", "integer", notnull=True))
    db.define_table("default_value", Field("value", length=20, default="admin"))
    db.define_table("python_default", Field("value", "integer"))
    db.define_table("python_onupdate", Field("value", "integer"))
    db.define_table("computed", Field("a", "integer"), Field("value", "integer"))
    db.define_table("numbering")
    db.define_table(
        "primary_key",
        Field("a", length=20, notnull=True),
        Field("b", length=20, notnull=True),
        primarykey=["a"],
    )
    db.define_table("unique_missing", Field("value", "integer", unique=True))
    db.define_table("link_missing", Field("value", "reference name_case"))
    db.define_table("link_target", Field("value", "reference type_family"))
    db.define_table("link_action", Field("value", "reference name_case", ondelete="SET NULL"))
    db.define_table("boolean_letters", Field("value", "boolean"))
    db.define_table("naive_time", Field("value", "datetime"))
    db.define_table("base64_bytes", Field("value", "blob"))
    db.define_table("uuid_text", Field("value", "uuid"))
    db.define_table("inexact_decimal", Field("value", "double"))
    db.define_table("list_storage", Field("value", "list:string"))
    db.define_table("json_in_text", Field("value", "json"))
    db.define_table("pydal_migrates", migrate=True)
    db.define_table("id_is_text", Field("id", "string"))
    db.define_table("unknown_type", Field("value", "big-integer"))
    db.define_table("undefined_reference", Field("value", "reference nobody"))
    db.define_table("reserved_word", Field("position", "integer", rname="order"))
    db.define_table("refused_name")
    db.define_table("defined_twice")
    db.define_table("defined_twice")
    db.define_table("definition_refused", Field("a", "integer"), Field("A", "integer"))
