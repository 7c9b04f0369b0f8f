"""Adding many rows of learning at once, whatever of them is there already. Checks no value."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.models import Row
from app.usecases.learning.current import current_store
from app.usecases.learning.store import Id, Kind
from app.usecases.work import unit_of_work


@dataclass(frozen=True, slots=True)
class Added:
    """What became of rows that were added.

    Attributes:
        new: Those that there were not.
        revived: Those that were deleted; they have the values that were given now.
        present: Those that were there, by their ids, as they are; they may have other values.
    """

    new: list[Id]
    revived: list[Id]
    present: dict[Id, Row]


@unit_of_work
def add_rows(kind: Kind, user_id: UUID, rows: Mapping[Id, Row]) -> Added:
    """Store the rows that are not there, and revive those that are deleted.

    Args:
        kind: Of which table. The learner they belong to is there.
        user_id: Whose.
        rows: By their ids. Each has the same columns: all without a default, its ``id`` too.
    """
    store = current_store()
    with store.writing(user_id):
        found = store.find(kind, user_id, rows)
        new = [row_id for row_id in rows if row_id not in found]
        revived = [row_id for row_id, row in found.items() if row["is_deleted"]]
        if new:
            store.insert(kind, user_id, [rows[row_id] for row_id in new])
        for columns, ids in _alike(
            {row_id: _revival(found[row_id], rows[row_id]) for row_id in revived}
        ):
            store.update(kind, user_id, ids, **columns)
    present = {row_id: row for row_id, row in found.items() if not row["is_deleted"]}
    return Added(new, revived, present)


def _revival(old: Row, new: Row) -> dict[str, Any]:
    return {"is_deleted": False} | {
        name: value for name, value in new.items() if old[name] != value
    }


def _alike(changes: Mapping[Id, dict[str, Any]]) -> Collection[tuple[dict[str, Any], list[Id]]]:
    """Bring together the rows that get the same values, so that few statements write them."""
    groups: dict[str, tuple[dict[str, Any], list[Id]]] = {}
    for row_id, columns in changes.items():
        groups.setdefault(repr(sorted(columns.items())), (columns, []))[1].append(row_id)
    return groups.values()
