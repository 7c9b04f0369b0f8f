"""The audit log: a row for each row that a write changes, in the same transaction.

A subscriber of the write pipeline, so that no query function can forget it, and none knows it.
Rows that the database itself deletes through ON DELETE CASCADE are not seen.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, Final, NamedTuple

import uuid_utils.compat

from app.dal.audit_digests import (
    Written,
    canonical,
    digest_row,
    digest_written,
    plain,
    spelled,
    write_values,
)
from app.dal.audited import Audited
from app.dal.versions import is_purging
from app.vocabulary import NOBODY
from bilayer.documents import MAX_DEPTH
from bilayer.runtime import Change, Subscriber

Row = dict[str, Any]

MAX_VALUE_BYTES: Final = 64 * 1024
"""Of a value that is longer as JSON, the log has the digest."""
HIDDEN: Final = "$hidden"
"""Names the hidden columns that an update has changed."""

_SALT_BYTES: Final = 16
_AS_IS: Final = frozenset({str, bool, int, float, type(None), dict})
_STAMPS: Final = frozenset({"updated_at", "version"})
_withheld: Final = ContextVar("withheld", default=False)


@contextmanager
def withholding_values() -> Iterator[None]:
    """Record within the block that rows change, and not what they were or are: of an erasure."""
    token = _withheld.set(True)
    try:
        yield
    finally:
        _withheld.reset(token)


class _Circumstances(NamedTuple):
    """What the changes of one write have in common."""

    at: datetime
    actor: str
    request_id: str | None
    has_values: bool


class AuditTrail(Subscriber):
    """Writes down what each write has changed.

    Args:
        now: Gives the present instant, aware and in UTC.
        actor: Tells on whose behalf the calling thread writes.
        request_id: Tells which request it answers, if any.
        tables: How each table is audited, by its name.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        actor: Callable[[], str],
        request_id: Callable[[], str | None],
        tables: Mapping[str, Audited],
    ) -> None:
        self._now = now
        self._actor = actor
        self._request_id = request_id
        self._tables = tables

    def changed(self, db: Any, changes: Sequence[Change]) -> None:
        """Record the rows that were written; nobody waits for that before COMMIT does."""
        has_values = not (_withheld.get() or is_purging())
        now = _Circumstances(self._now(), self._actor(), self._request_id(), has_values)
        salts = secrets.token_hex(_SALT_BYTES * len(changes))
        rows = [
            row
            for place, change in enumerate(changes)
            if (row := _record(change, self._tables[change.table], now, _cut(salts, place)))
        ]
        if rows:
            db.audit_log.insert_many(rows, is_awaited=False)


class ChosenInserts(Subscriber):
    """Writes down inserts of some kinds alone; the others cost nothing.

    Args:
        trail: Writes them down.
        tables: How each table is audited, by its name.
    """

    def __init__(self, trail: AuditTrail, tables: Mapping[str, Audited]) -> None:
        self._trail = trail
        self._tables = tables

    def prepare(
        self, db: Any, table: Any, action: str, known: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Record a row that is about to be inserted: with it this goes, or vanishes."""
        chosen = self._tables[table._tablename].chosen
        if action == "insert" and chosen and known.get(chosen[0]) in chosen[1]:
            row = {name: known.get(name) for name in table.fields}
            key = {name: row[name] for name in table._primarykey}
            self._trail.changed(db, [Change(table._tablename, "insert", key, None, row)])
        return {}


def _cut(salts: str, place: int) -> str:
    """Give one of the salts that were made together."""
    digits = 2 * _SALT_BYTES
    return salts[place * digits : (place + 1) * digits]


def _record(change: Change, audited: Audited, now: _Circumstances, salt: str) -> Row | None:
    """Make the log's row of a change; None if an update has changed nothing but its stamps."""
    names = _changed(change)
    if not names:
        return None
    image = change.after or change.before or {}
    record_id = "/".join(str(image[name]) for name in audited.key)
    before, after = _values(change, audited, names) if now.has_values else (None, None)
    old, new = _written(before), _written(after)
    row: Row = {
        "user_id": image[audited.owner] if audited.owner else NOBODY,
        "id": uuid_utils.compat.uuid7(),
        "table_name": change.table,
        "record_id": record_id,
        "action": change.action,
        "old_value": old.column,
        "new_value": new.column,
        "changed_at": now.at,
        "changed_by": now.actor,
        "request_id": now.request_id,
        "salt": salt,
        "values_digest": digest_written(salt, record_id, old.text, new.text),
    }
    row["digest"] = digest_row(row)
    return row


def _changed(change: Change) -> list[str]:
    """Name the columns to record: all, or of an update those that differ."""
    before, after = change.before, change.after
    if before is None or after is None:
        return list(after or before or ())
    watched = after.keys() - (_STAMPS - change.key.keys())
    return [name for name in after if name in watched and _differ(before[name], after[name])]


def _values(
    change: Change, audited: Audited, names: Sequence[str]
) -> tuple[Row | None, Row | None]:
    before, after = change.before, change.after
    shown = [name for name in names if name not in audited.hidden]
    old = None if before is None else {name: _told(before[name]) for name in shown}
    new = None if after is None else {name: _told(after[name]) for name in shown}
    if new is not None and change.action == "update" and len(shown) < len(names):
        new[HIDDEN] = sorted(audited.hidden.intersection(names))
    return old, new


def _written(values: Row | None) -> Written:
    """Write values as they are if they are short together, else what is too long as its digest."""
    written = write_values(values)
    if _fits(values, written.text, MAX_DEPTH):
        return written
    return write_values(values and {name: _bounded(value) for name, value in values.items()})


def _differ(old: Any, new: Any) -> bool:
    """Compare as JSON does, for which 1, 1.0 and true are three values."""
    if old != new or type(old) is not type(new):
        return True
    return isinstance(new, dict | list) and canonical(old) != canonical(new)


def _told(value: Any) -> Any:
    """Give a column's value as JSON has it."""
    kind = type(value)
    if kind in _AS_IS:
        return value
    if kind is datetime:
        return spelled(value)
    return str(value) if kind is uuid.UUID else plain(value)


def _bounded(value: Any) -> Any:
    """Give a value, or where it is too long or too deep for the log, its digest and length."""
    text = canonical(value)
    if _fits(value, text, MAX_DEPTH - 1):  # The row is one level more.
        return value
    return {"$sha256": hashlib.sha256(text).hexdigest(), "$bytes": len(text)}


def _fits(document: Any, text: bytes, levels: int) -> bool:
    """Tell whether a document is short and flat enough for the log."""
    if len(text) > MAX_VALUE_BYTES:
        return False
    # Counting brackets finds all that are too deep, and some that have only many.
    return text.count(b"{") + text.count(b"[") <= levels or _depth(document) <= levels


def _depth(value: Any) -> int:
    """Count the levels of objects and arrays, of which no stored document has many."""
    if not isinstance(value, dict | list):
        return 0
    parts = value.values() if isinstance(value, dict) else value
    return 1 + max(map(_depth, parts), default=0)
