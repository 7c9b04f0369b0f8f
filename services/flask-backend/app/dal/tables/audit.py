"""Who changed what and when, and the seals that show whether somebody changed that."""

from __future__ import annotations

from bilayer.runtime import DAL, IS_IN_SET, Field


def define_audit(db: DAL) -> None:
    """Define the tables of audit."""
    _define_log(db)
    _define_blocks(db)


def _define_log(db: DAL) -> None:
    db.define_table(
        "audit_log",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("table_name", "string", length=64, notnull=True),
        Field("record_id", "string", length=255, notnull=True),
        Field(
            "action",
            "string",
            length=8,
            notnull=True,
            requires=IS_IN_SET(["insert", "update", "delete"]),
        ),
        Field("old_value", "json"),
        Field("new_value", "json"),
        Field("changed_at", "datetime", notnull=True),
        Field("changed_by", "string", length=64, notnull=True),
        Field("request_id", "string", length=64),
        Field("salt", "string", length=32),
        Field("values_digest", "string", length=64, notnull=True),
        Field("digest", "string", length=64, notnull=True),
        Field("block", "bigint"),
        primarykey=["user_id", "id"],
    )


def _define_blocks(db: DAL) -> None:
    db.define_table(
        "audit_blocks",
        Field("number", "bigint", notnull=True),
        Field("previous", "string", length=64, notnull=True),
        Field("entries", "text", notnull=True),
        Field("row_count", "bigint", notnull=True),
        Field("sealed_at", "datetime", notnull=True),
        Field("hash", "string", length=64, notnull=True),
        primarykey=["number"],
    )
