"""Which answers were given to requests that may come again. Holds no rule about when they do."""

from __future__ import annotations

from bilayer.runtime import DAL, Field


def define_idempotency(db: DAL) -> None:
    """Define the table of requests that may come again."""
    db.define_table(
        "idempotency_keys",
        Field("user_id", "uuid", notnull=True),
        Field("key", "string", length=255, notnull=True),
        Field("fingerprint", "string", length=64, notnull=True),
        Field("status", "integer"),
        Field("body", "text"),
        Field("created_at", "datetime", notnull=True),
        Field("expires_at", "datetime", notnull=True),
        primarykey=["user_id", "key"],
    )
