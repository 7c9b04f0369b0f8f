"""The rows that a push is about: read together, decided in memory, written together.

Whoever makes drafts holds the head of the account, so that what was read holds until the end.
"""

from collections.abc import Collection, Iterable
from uuid import UUID

from app.models import (
    Row,
    Synced,
    create_synced_rows,
    list_synced_rows,
    mark_synced_rows_deleted,
    update_synced_row,
)
from app.usecases.sync.merging import Draft, Mutation

_ONLY_DELETED = {"is_deleted": True}


class Drafts:
    """Rows of one account, by table and id.

    Args:
        user_id: Whose rows.
        tables: Those that may be written.
        mutations: The changes that are to be decided.
    """

    def __init__(
        self, user_id: UUID, tables: Collection[Synced], mutations: Iterable[Mutation]
    ) -> None:
        self._user_id = user_id
        self._tables = {synced.name: synced for synced in tables}
        ids: dict[str, set[UUID]] = {name: set() for name in self._tables}
        for mutation in mutations:
            ids[mutation.table].add(mutation.id)
        self._drafts = {
            name: self._read(synced, ids[name]) for name, synced in self._tables.items()
        }

    def __getitem__(self, mutation: Mutation) -> Draft:
        """Return the row that a change is about."""
        return self._drafts[mutation.table][mutation.id]

    def write(self) -> None:
        """Write what was decided, and read it as it is stored then."""
        for name, synced in self._tables.items():
            self._write(synced, self._drafts[name])

    def _read(self, synced: Synced, ids: Collection[UUID]) -> dict[UUID, Draft]:
        rows = list_synced_rows(synced, self._user_id, ids)
        return {row_id: Draft(synced, rows.get(row_id)) for row_id in ids}

    def _write(self, synced: Synced, drafts: dict[UUID, Draft]) -> None:
        changes = {
            row_id: draft.changes for row_id, draft in drafts.items() if draft.changes is not None
        }
        new = {row_id: row for row_id, row in changes.items() if drafts[row_id].stored is None}
        gone = [row_id for row_id, row in changes.items() if row == _ONLY_DELETED]
        create_synced_rows(synced, self._user_id, new)
        mark_synced_rows_deleted(synced, self._user_id, gone)
        for row_id in changes.keys() - new.keys() - set(gone):
            update_synced_row(synced, self._user_id, row_id, **changes[row_id])
        stored: dict[UUID, Row] = list_synced_rows(synced, self._user_id, changes.keys())
        for row_id, row in stored.items():
            drafts[row_id].stored = row
