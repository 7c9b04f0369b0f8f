"""Answers that were computed before. Holds no rule about how long they are good."""

from __future__ import annotations

from app.vocabulary import CacheScope
from bilayer.runtime import DAL, IS_IN_SET, Field


def define_query_cache(db: DAL) -> None:
    """Define the table of cached answers."""
    db.define_table(
        "query_cache",
        Field("user_id", "uuid", notnull=True),
        Field("scope", "string", length=10, notnull=True, requires=IS_IN_SET(list(CacheScope))),
        Field("query_hash", "string", length=64, notnull=True),
        Field("result", "json", notnull=True),
        Field("size_bytes", "bigint", notnull=True),
        Field("cached_at", "datetime", notnull=True),
        Field("stale_at", "datetime", notnull=True),
        Field("expires_at", "datetime", notnull=True),
        primarykey=["user_id", "scope", "query_hash"],
    )
