"""The version of an account: one for each transaction that writes synced rows of it.

A subscriber of the write pipeline, so that no query function can forget it, and none knows it.

The head of an account is a row. Whoever writes a synced row takes the next version from it right
before, and holds the lock of that row until COMMIT: so versions are in the order of the commits,
and whoever sees one sees all that are smaller. Taken any later, at the end of the transaction, it
would have to be written into each row by a second update.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app import clock
from bilayer.runtime import DAL, Param, Subscriber, UnsupportedDefinition, prepared, update
from bilayer.runtime.errors import SerializationFailure

_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_purging: Final = ContextVar("purging", default=False)


@dataclass(frozen=True, slots=True)
class Taken:
    """The version of a transaction.

    Attributes:
        version: Greater than all that were committed before.
        at: When, by a clock that goes on with each version of an account.
    """

    version: int
    at: datetime


class Versions(Subscriber):
    """Stamps each synced row that is written with the version of its transaction, and its time.

    Args:
        now: Gives the present instant, aware and in UTC.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def prepare(
        self, db: Any, table: Any, action: str, known: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Take the owner's next version, once a transaction.

        Raises:
            UnsupportedDefinition: The write says nothing of whose rows it changes, or deletes rows
                of which devices would never hear.
        """
        if action == "delete":
            if not _purging.get():
                raise UnsupportedDefinition(f"rows of {table} are marked as deleted, not removed")
            return {}
        owner = known.get("user_id")
        if owner is None:
            raise UnsupportedDefinition(f"a write to {table} must hold user_id to one value")
        taken = take_version(db, owner, self._now())
        is_new = action == "insert" and "created_at" in table.fields
        born = {"created_at": known.get("created_at") or taken.at} if is_new else {}
        return {"version": taken.version, "updated_at": taken.at, **born}


@contextmanager
def purging() -> Iterator[None]:
    """Let synced rows be removed for good, of which no device needs to hear any more."""
    token = _purging.set(True)
    try:
        yield
    finally:
        _purging.reset(token)


def is_purging() -> bool:
    """Tell whether this thread removes rows for good."""
    return _purging.get()


def take_version(db: DAL, user_id: uuid.UUID, now: datetime) -> Taken:
    """Return the version of the calling thread's transaction; it is alone with the account then.

    Args:
        db: The DAL, inside a transaction.
        user_id: Whose version.
        now: The time of the transaction, unless the account's clock is ahead of it.
    """
    taken: Taken | None = db.memory.get((Taken, user_id))
    if taken is None:
        rows = _NEXT.changed(db, user_id=user_id, now=now)
        taken = Taken(rows[0]["version"], now) if rows else _take_slowly(db, user_id, now)
        db.memory[Taken, user_id] = taken
    return taken


def lock_head(db: DAL, user_id: uuid.UUID) -> dict[str, Any]:
    """Return the head of an account, made if need be, and locked until the transaction ends.

    Raises:
        SerializationFailure: Another one made it, and an erasure removed it, in between.
    """
    query = db.sync_heads.user_id == user_id
    rows: list[dict[str, Any]] = db.lock_rows(query)
    if not rows:
        head = {"user_id": user_id, "epoch": get_epoch(db), "changed_at": _NEVER}
        db.sync_heads.upsert(head, conflict=["user_id"], update={})
        rows = db.lock_rows(query)
    if not rows:
        raise SerializationFailure("the head was removed in the meantime; retry the transaction")
    return rows[0]


def get_epoch(db: DAL) -> uuid.UUID:
    """Return the epoch of this database, which is made if it has none yet."""
    row = db(db.installation.id == 1).one()
    if row is None:
        new = {"id": 1, "epoch": uuid.uuid4(), "raised_at": clock.now()}
        db.installation.upsert(new, conflict=["id"], update={})
        row = db(db.installation.id == 1).one()
    epoch: uuid.UUID = row["epoch"]
    return epoch


def _take_slowly(db: DAL, user_id: uuid.UUID, now: datetime) -> Taken:
    """Take the first version of an account, or one when its clock is not behind."""
    head = lock_head(db, user_id)
    at = max(now, head["changed_at"] + _TICK)
    db(db.sync_heads.user_id == user_id).update(version=head["version"] + 1, changed_at=at)
    return Taken(head["version"] + 1, at)


_NEXT = prepared(
    lambda db: update(
        (db.sync_heads.user_id == Param("user_id")) & (db.sync_heads.changed_at < Param("now")),
        db.sync_heads.version,
        version=db.sync_heads.version + 1,
        changed_at=Param("now"),
    )
)
