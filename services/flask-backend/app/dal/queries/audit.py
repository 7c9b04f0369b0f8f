"""The audit log as it is read, and the blocks that seal it. The subscriber alone writes rows."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.keyset import Position

_KEYS_AT_ONCE: Final = 500

Key = tuple[UUID, UUID]
"""``user_id`` and ``id`` of a row of the log."""


def list_audit_rows(
    *,
    table: str | None = None,
    record: str | None = None,
    actors: Sequence[str] = (),
    owner: UUID | None = None,
    action: str | None = None,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    after: Position | None = None,
    limit: int,
) -> list[Row]:
    """Return what was changed, newest first.

    Args:
        table: Only in this table.
        record: Only this row of it.
        actors: Only what one of these has done.
        owner: Only rows of this account.
        action: Only ``insert``, ``update`` or ``delete``.
        start_date: The earliest time, itself included.
        end_date: The latest, itself included.
        after: The last row of the page before, by ``changed_at``.
        limit: How many at most.
    """
    log = get_db().audit_log
    found = get_db()(log)
    equal = {"table_name": table, "record_id": record, "user_id": owner, "action": action}
    for name, value in equal.items():
        if value is not None:
            found = found(log[name] == value)
    if actors:
        found = found(log.changed_by.belongs(actors))
    for condition in _within(log, start_date, end_date, after):
        found = found(condition)
    rows: list[Row] = found.dicts(orderby=~log.changed_at | ~log.id, limitby=(0, limit))
    return rows


def _within(
    log: Any, start_date: datetime | None, end_date: datetime | None, after: Position | None
) -> Iterator[Query]:
    if start_date is not None:
        yield log.changed_at >= start_date
    if end_date is not None:
        yield log.changed_at <= end_date
    if after is not None:
        # The first condition looks redundant; it is the one that an index can begin at.
        yield log.changed_at <= after.created_at
        yield (log.changed_at < after.created_at) | (log.id < after.id)


def list_unsealed_rows(*, until: datetime, limit: int) -> list[Row]:
    """Return the keys and digests of rows in no block, oldest first; those of late commits too."""
    log = get_db().audit_log
    query = (log.block == None) & (log.changed_at <= until)  # noqa: E711 - a query
    rows: list[Row] = get_db()(query).dicts(
        log.user_id, log.id, log.digest, orderby=log.changed_at | log.id, limitby=(0, limit)
    )
    return rows


def mark_sealed(keys: Sequence[Key], *, block: int) -> None:
    """Write down in which block rows are."""
    for chunk in _chunks(keys):
        get_db().keyed(get_db().audit_log, chunk).update(block=block)


def list_audit_rows_by_key(keys: Sequence[Key]) -> list[Row]:
    """Return the rows that there are of these, in any order."""
    db = get_db()
    return [row for chunk in _chunks(keys) for row in db.keyed(db.audit_log, chunk).dicts()]


def list_audit_places(*, after: Key | None, limit: int) -> list[Row]:
    """Return keys of all rows, and the block of each, by key.

    Args:
        after: The last key of the page before.
        limit: How many at most.
    """
    log = get_db().audit_log
    found = get_db()(log)
    if after is not None:
        found = found(log.user_id >= after[0])  # An index can begin there.
        found = found((log.user_id > after[0]) | (log.id > after[1]))
    rows: list[Row] = found.dicts(
        log.user_id, log.id, log.block, orderby=log.user_id | log.id, limitby=(0, limit)
    )
    return rows


def create_audit_block(**columns: Any) -> None:
    """Store a block.

    Raises:
        UniqueViolation: There is one with this number.
    """
    get_db().audit_blocks.insert(**columns)


def get_audit_block(number: int) -> Row | None:
    """Return a block, or None."""
    row: Row | None = get_db()(get_db().audit_blocks.number == number).one()
    return row


def get_last_audit_block() -> Row | None:
    """Return the last block without its entries, or None if nothing is sealed."""
    blocks = get_db().audit_blocks
    columns = [blocks[name] for name in blocks.fields if name != "entries"]
    rows = get_db()(blocks).dicts(*columns, orderby=~blocks.number, limitby=(0, 1))
    return rows[0] if rows else None


def list_audit_blocks(*, after: int, limit: int) -> list[Row]:
    """Return the blocks behind a number, by number."""
    blocks = get_db().audit_blocks
    query = blocks.number > after
    rows: list[Row] = get_db()(query).dicts(orderby=blocks.number, limitby=(0, limit))
    return rows


def _chunks(keys: Sequence[Key]) -> Iterable[Sequence[Key]]:
    return (keys[start : start + _KEYS_AT_ONCE] for start in range(0, len(keys), _KEYS_AT_ONCE))
