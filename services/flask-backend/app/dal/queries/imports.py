"""The journal of imports, and the rows that an import has added. Decides nothing."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.dal.versions import take_version

_SHOWN_CHARACTERS: Final = 1000
"""Of a value in quarantine, which may be a record of megabytes."""

ItemPlace = tuple[str, int]
"""File and position of a record."""


def create_import_run(user_id: UUID, run_id: UUID, *, at: datetime, **columns: Any) -> None:
    """Store that an import begins.

    Args:
        user_id: Whose data it brings in.
        run_id: Its id.
        at: Now.
        **columns: ``source``, ``profile_id`` and ``manifest``.
    """
    get_db().import_runs.insert(
        user_id=user_id, id=run_id, state="running", started_at=at, updated_at=at, **columns
    )


def get_import_run(user_id: UUID, run_id: UUID) -> Row | None:
    """Return an import of an account, or None."""
    row: Row | None = get_db()(_run(user_id, run_id)).one()
    return row


def list_import_runs(user_id: UUID, *, limit: int) -> list[Row]:
    """Return the imports of an account, newest first."""
    db = get_db()
    runs = db.import_runs
    rows: list[Row] = db(runs.user_id == user_id).dicts(
        orderby=~runs.started_at | ~runs.id, limitby=(0, limit)
    )
    return rows


def update_import_run(user_id: UUID, run_id: UUID, **columns: Any) -> None:
    """Change columns of an import."""
    get_db()(_run(user_id, run_id)).update(**columns)


def delete_import_run(user_id: UUID, run_id: UUID) -> None:
    """Forget an import that has come to nothing."""
    get_db()(_run(user_id, run_id)).delete()


def create_import_items(items: Iterable[Row]) -> None:
    """Store what became of records; each names its account and its import."""
    get_db().import_items.insert_many(items)


def list_last_positions(user_id: UUID, run_id: UUID) -> dict[str, int]:
    """Return up to where each file is in the journal, by its name."""
    items = get_db().import_items
    last = items.position.max().with_alias("last")
    rows = get_db()(_of(items, user_id, run_id)).dicts(items.file, last, groupby=items.file)
    return {row["file"]: row["last"] for row in rows}


def list_import_items(
    user_id: UUID, run_id: UUID, *, after: ItemPlace | None = None, limit: int
) -> list[Row]:
    """Return what became of records, by file and position.

    Args:
        user_id: Whose import.
        run_id: Which.
        after: The last that was read before.
        limit: How many at most.
    """
    items = get_db().import_items
    query = _of(items, user_id, run_id) & _behind(items, after)
    order = items.file | items.position
    rows: list[Row] = get_db()(query).dicts(orderby=order, limitby=(0, limit))
    return rows


def get_import_item(user_id: UUID, run_id: UUID, place: ItemPlace) -> Row | None:
    """Return what became of one record, or None."""
    items = get_db().import_items
    row: Row | None = get_db()(_of(items, user_id, run_id) & _at(items, place)).one()
    return row


def update_import_item(user_id: UUID, run_id: UUID, place: ItemPlace, **columns: Any) -> None:
    """Change what became of one record."""
    items = get_db().import_items
    get_db()(_of(items, user_id, run_id) & _at(items, place)).update(**columns)


def create_quarantined(rows: Iterable[Row]) -> None:
    """Store what could not go in; each names its account, its import and its place."""
    get_db().quarantine.insert_many(rows)


def list_quarantined(
    user_id: UUID, run_id: UUID, *, state: str = "open", after: ItemPlace | None = None, limit: int
) -> list[Row]:
    """Return what could not go in, record by record, and of each value the beginning.

    Args:
        user_id: Whose import.
        run_id: Which.
        state: ``open`` or ``resolved``.
        after: The record that was read before.
        limit: How many at most.
    """
    rows = get_db().quarantine
    query = _of(rows, user_id, run_id) & (rows.state == state) & _behind(rows, after)
    order = rows.file | rows.position | rows.number
    value = rows.value[:_SHOWN_CHARACTERS].with_alias("value")
    columns = [field for field in rows if field.name != "value"]
    found: list[Row] = get_db()(query).dicts(*columns, value, orderby=order, limitby=(0, limit))
    return found


def list_quarantined_at(user_id: UUID, run_id: UUID, place: ItemPlace) -> list[Row]:
    """Return what of a record could not go in, resolved or not."""
    rows = get_db().quarantine
    query = _of(rows, user_id, run_id) & _at(rows, place)
    found: list[Row] = get_db()(query).dicts(orderby=rows.number)
    return found


def count_quarantined(user_id: UUID, run_id: UUID) -> dict[str, int]:
    """Return how often each rule keeps something of an import out, by the rule."""
    rows = get_db().quarantine
    query = _of(rows, user_id, run_id) & (rows.state == "open")
    count = rows.number.count().with_alias("count")
    found = get_db()(query).dicts(rows.rule, count, groupby=rows.rule, orderby=rows.rule)
    return {row["rule"]: row["count"] for row in found}


def resolve_quarantined(user_id: UUID, run_id: UUID, place: ItemPlace, *, at: datetime) -> None:
    """Note that nothing of a record is kept out any more, for the reasons there are so far."""
    rows = get_db().quarantine
    query = _of(rows, user_id, run_id) & _at(rows, place) & (rows.state == "open")
    get_db()(query).update(state="resolved", resolved_at=at)


def list_row_versions(
    table: str, user_id: UUID, ids: Collection[UUID | str]
) -> dict[UUID | str, int]:
    """Return the versions of those rows of a table of learning that there are, by their ids.

    Args:
        table: Of which table.
        user_id: Whose.
        ids: Which; as many as one statement can name.
    """
    rows = get_db()[table]
    found = get_db()((rows.user_id == user_id) & rows.id.belongs(ids)).dicts(rows.id, rows.version)
    return {row["id"]: row["version"] for row in found}


def count_learner_rows(table: str, user_id: UUID, profile_id: str) -> int:
    """Return how many rows of a table a learner has, deleted ones too."""
    rows = get_db()[table]
    query = (rows.user_id == user_id) & (rows.profile_id == profile_id)
    return int(get_db()(query).count())


def outdate_devices(user_id: UUID, *, at: datetime) -> int:
    """Take the account's next version and let no older cursor lead on: devices fetch everything.

    Args:
        user_id: Whose devices.
        at: Now.
    """
    db = get_db()
    version = take_version(db, user_id, at).version
    db(db.sync_heads.user_id == user_id).update(floor=version)
    return version


def _run(user_id: UUID, run_id: UUID) -> Query:
    runs = get_db().import_runs
    return (runs.user_id == user_id) & (runs.id == run_id)


def _of(table: Any, user_id: UUID, run_id: UUID) -> Query:
    return (table.user_id == user_id) & (table.run_id == run_id)


def _at(table: Any, place: ItemPlace) -> Query:
    return (table.file == place[0]) & (table.position == place[1])


def _behind(table: Any, place: ItemPlace | None) -> Query:
    if place is None:
        return table.position >= 0
    # The first condition looks redundant; it is the one that an index can begin at.
    is_later = (table.file > place[0]) | (table.position > place[1])
    return (table.file >= place[0]) & is_later
