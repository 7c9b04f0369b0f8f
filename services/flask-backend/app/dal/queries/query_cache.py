"""Answers that were computed before. Decides nothing about who may have them, or for how long.

The key is the owner (``NOBODY`` for what is for everybody), the scope and the hash of the query.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row, delete_first
from bilayer.runtime import JSON_NULL, Param, prepared, select


def get_cached_answer(user_id: UUID, scope: str, query_hash: str) -> Row | None:
    """Return an answer without its key, expired or not, or None."""
    row: Row | None = _BY_KEY.one(get_db(), user_id=user_id, scope=scope, hash=query_hash)
    return row


def replace_cached_answer(
    user_id: UUID, scope: str, query_hash: str, *, result: Any, **columns: Any
) -> None:
    """Store an answer in the place of the one before.

    Args:
        user_id: Its owner.
        scope: Who may read it.
        query_hash: What was asked.
        result: Any document; None is JSON's null.
        columns: Its size and its times.
    """
    values = {
        "user_id": user_id,
        "scope": scope,
        "query_hash": query_hash,
        "result": JSON_NULL if result is None else result,
        **columns,
    }
    get_db().query_cache.upsert(values, conflict=["user_id", "scope", "query_hash"])


def delete_cached_answer(user_id: UUID, scope: str, query_hash: str) -> None:
    """Forget an answer, if there is one."""
    get_db()(_key(user_id, scope, query_hash)).delete()


def delete_expired_answers(*, expired_at: datetime, limit: int) -> int:
    """Forget the answers that expired first; tell how many.

    What others are about to write is left to them.
    """
    cache = get_db().query_cache
    return delete_first(cache.expires_at <= expired_at, orderby=cache.expires_at, limit=limit)


def delete_oldest_answers(*, excess_bytes: int, limit: int) -> int:
    """Forget the oldest answers until so many bytes are free, or so many are gone; tell how many.

    What others are about to write is left to them.
    """
    db = get_db()
    cache = db.query_cache
    found = db.lock_rows(
        cache.size_bytes >= 0,
        *(cache.user_id, cache.scope, cache.query_hash, cache.size_bytes),
        orderby=cache.cached_at,
        limitby=(0, limit),
        skip_locked=True,
    )
    count, freed = 0, 0
    while count < len(found) and freed < excess_bytes:
        row = found[count]
        delete_cached_answer(row["user_id"], row["scope"], row["query_hash"])
        freed += row["size_bytes"]
        count += 1
    return count


def delete_cached_answers(*, scope: str | None, before: datetime, limit: int) -> int:
    """Forget answers that were stored until a time, of a scope or of all; tell how many."""
    cache = get_db().query_cache
    query = cache.cached_at <= before
    if scope is not None:
        query &= cache.scope == scope
    return delete_first(query, orderby=cache.cached_at, limit=limit, skip_locked=False)


def count_cached_bytes() -> int:
    """Return how many bytes all answers have."""
    db = get_db()
    total = db.query_cache.size_bytes.sum().with_alias("bytes")
    (row,) = db(db.query_cache).dicts(total)
    return int(row["bytes"] or 0)


def count_cached_answers(*, at: datetime) -> list[Row]:
    """Return for each scope how many ``entries`` and ``bytes`` it has, and how many ``expired``."""
    db = get_db()
    cache = db.query_cache
    rows = db(cache).dicts(
        cache.scope,
        cache.query_hash.count().with_alias("entries"),
        cache.size_bytes.sum().with_alias("bytes"),
        (cache.expires_at <= at).case(1, 0).sum().with_alias("expired"),
        groupby=cache.scope,
        orderby=cache.scope,
    )
    # MariaDB's sums are decimals.
    return [
        {name: value if name == "scope" else int(value) for name, value in row.items()}
        for row in rows
    ]


def _key(user_id: UUID, scope: str, query_hash: str) -> Query:
    cache = get_db().query_cache
    return (cache.user_id == user_id) & (cache.scope == scope) & (cache.query_hash == query_hash)


_BY_KEY = prepared(
    lambda db: select(
        (db.query_cache.user_id == Param("user_id"))
        & (db.query_cache.scope == Param("scope"))
        & (db.query_cache.query_hash == Param("hash")),
        db.query_cache.result,
        db.query_cache.size_bytes,
        db.query_cache.cached_at,
        db.query_cache.stale_at,
        db.query_cache.expires_at,
    )
)
