"""Which backups were made, and when each was last restored to see whether it is one."""

from __future__ import annotations

from bilayer.runtime import DAL, Field


def define_backups(db: DAL) -> None:
    """Define the tables of backups."""
    db.define_table(
        "backups",
        Field("id", "uuid", notnull=True),
        Field("name", "string", length=64, notnull=True),
        Field("engine", "string", length=16, notnull=True),
        Field("revision", "string", length=64, notnull=True),
        Field("size_bytes", "bigint", notnull=True),
        Field("sha256", "string", length=64, notnull=True),
        Field("created_at", "datetime", notnull=True),
        Field("verified_at", "datetime"),
        primarykey=["id"],
    )
