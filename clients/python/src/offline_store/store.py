"""The store that an application works with: its rows, its changes, and their way to the service.

Reading and changing never touches the network and never waits for it. Only ``sync`` and ``verify``
do.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

from offline_store import queue, rows
from offline_store.database import LocalDatabase
from offline_store.errors import RowNotFound, StoreError
from offline_store.model import JSON, Agreement, Hook, Mutation, Refused, Report, Row
from offline_store.overlay import overlay
from offline_store.protocol import MAX_BODY_BYTES, MAX_DEPTH, encode, is_too_deep
from offline_store.syncing import Sync, verify
from offline_store.transport import Transport

MERGED: Final[Mapping[str, Collection[str]]] = {"profiles": frozenset({"preferences"})}
"""By table, the documents of which a change is a patch and no whole."""
MAX_MUTATION_BYTES: Final = MAX_BODY_BYTES // 2


class Store:
    """The rows of one account on this device, in one file. Usable from several threads.

    Args:
        path: The file, made if it is not there. Another account needs another file.
        client_id: What the service calls this device; made up once if it is not given.
        client_name: What people call it: ``Ada's phone``.
        tables: What to fetch; all tables if it is not given.
        page_size: How many rows to ask for at once.
        merged: By table, the documents of which a change is a patch and no whole.
        on_conflict: Told of a change that lost against another device's.
        on_rejected: Told of a change that the service does not accept.

    Raises:
        StoreError: The file belongs to another client id, or to a newer release.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        client_id: str | None = None,
        client_name: str | None = None,
        tables: Collection[str] | None = None,
        page_size: int = 500,
        merged: Mapping[str, Collection[str]] = MERGED,
        on_conflict: Hook | None = None,
        on_rejected: Hook | None = None,
    ) -> None:
        self._database = LocalDatabase(Path(path))
        self._merged = merged
        self._hooks = {"conflict": on_conflict, "rejected": on_rejected}
        self._is_syncing = threading.Lock()
        self._query = {"limit": str(page_size)}
        chosen = ",".join(sorted(tables or ()))
        if chosen:
            self._query["tables"] = chosen
        self.client_id: Final = self._settle_in(client_id, chosen)
        self._client: JSON = {"client_id": self.client_id}
        if client_name is not None:
            self._client["client_name"] = client_name

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Everything is stored already."""
        self._database.close()

    def get(self, table: str, row_id: str) -> Row | None:
        """Return a row as this device sees it, or None."""
        with self._database.transaction():
            row = rows.get_row(self._database, table, row_id)
            mutations = queue.list_visible(self._database, table, row_id)
        return overlay(row, mutations, self._merged.get(table, ()))

    def list(self, table: str) -> Sequence[Row]:
        """List the rows of a table as this device sees them, by id."""
        with self._database.transaction():
            found = {row.id: row for row in rows.list_rows(self._database, table)}
            mutations = queue.list_visible(self._database, table)
        changes = _by_row(mutations)
        merged = self._merged.get(table, ())
        seen = (
            overlay(found.get(row_id), changes.get(row_id, ()), merged)
            for row_id in sorted({*found, *changes})
        )
        return [row for row in seen if row is not None]

    def put(self, table: str, fields: JSON, row_id: str | None = None) -> str:
        """Make a row, or set fields of one that there is, and return its id.

        The id of a row that was deleted is not used again: deletions win.
        """
        chosen = str(uuid4()) if row_id is None else row_id
        with self._database.transaction():
            seen = self.get(table, chosen)
            base_version = 0 if seen is None else self._base_version(table, chosen)
            self._enqueue("upsert", table, chosen, base_version, fields)
        return chosen

    def change(self, table: str, row_id: str, /, **fields: Any) -> None:  # Any: what JSON can say.
        """Set fields of a row; of a document that is merged, what it names.

        Raises:
            RowNotFound: This device sees no such row.
        """
        self._change_seen("upsert", table, row_id, fields)

    def delete(self, table: str, row_id: str) -> None:
        """Delete a row, for all devices and for good.

        Raises:
            RowNotFound: This device sees no such row.
        """
        self._change_seen("delete", table, row_id, {})

    def pending(self) -> Sequence[Mutation]:
        """List the changes that have no verdict yet, oldest first."""
        return queue.list_queued(self._database, limit=-1)

    def refused(self) -> Sequence[Refused]:
        """List the changes that were in conflict or rejected and that no hook was told of."""
        return queue.list_refused(self._database)

    def dismiss(self, mutation_id: str) -> None:
        """Forget a change that was refused."""
        queue.dismiss(self._database, mutation_id)

    def sync(self, transport: Transport) -> Report:
        """Send all changes, fetch all changes, and tell the hooks what was refused.

        Raises:
            SyncError: It ended early. Nothing is lost; the next sync goes on from there.
        """
        sync = self._new_sync(transport)
        with self._is_syncing:
            sync.run()
            self._tell_hooks()
        return sync.report

    def verify(self, transport: Transport) -> Agreement:
        """Sync, and prove by checksum that nothing is missing; if something is, fetch it all anew.

        Raises:
            SyncError: As ``sync``.
        """
        with self._is_syncing:
            found = verify(self._new_sync(transport))
            self._tell_hooks()
        return found

    def checksum(self, table: str) -> str:
        """Return the hash of the service's rows on this device, without its own changes."""
        return rows.checksum(self._database, table)[1]

    def _new_sync(self, transport: Transport) -> Sync:
        query = {**self._query, "client_id": self.client_id}
        return Sync(self._database, transport, self._client, query, Report())

    def _settle_in(self, client_id: str | None, tables: str) -> str:
        """Note whose file this is, and fetch anew if it has been asked for other tables so far."""
        with self._database.transaction():
            found = self._database.fetch("SELECT client_id, tables FROM state")
            if not found:
                made = str(uuid4()) if client_id is None else client_id
                self._database.execute(
                    "INSERT INTO state (id, client_id, tables) VALUES (1, ?, ?)", made, tables
                )
                return made
            if client_id not in (None, found[0]["client_id"]):
                raise StoreError("The file belongs to another client id.")
            if tables != found[0]["tables"]:
                self._database.execute("UPDATE state SET tables = ?", tables)
                rows.begin_resync(self._database, "tables")
            return str(found[0]["client_id"])

    def _base_version(self, table: str, row_id: str) -> int | None:
        """Return the version a change is made upon; None if only this device knows the row."""
        row = rows.get_row(self._database, table, row_id)
        return None if row is None else row.version

    def _change_seen(self, op: str, table: str, row_id: str, fields: JSON) -> None:
        with self._database.transaction():
            if self.get(table, row_id) is None:
                raise RowNotFound(f"{table} has no row {row_id} on this device.")
            self._enqueue(op, table, row_id, self._base_version(table, row_id), fields)

    def _enqueue(
        self, op: str, table: str, row_id: str, base_version: int | None, fields: JSON
    ) -> None:
        # Nearly too deep can be stored here, and then be read by nobody whose stack is higher.
        if is_too_deep(fields):
            raise StoreError(f"A change nests at most {MAX_DEPTH} times.")
        mutation = Mutation(str(uuid4()), table, op, row_id, base_version, dict(fields))
        if len(encode(mutation.to_json())) > MAX_MUTATION_BYTES:
            raise StoreError(f"A change is at most {MAX_MUTATION_BYTES} bytes of JSON.")
        queue.append(self._database, mutation)

    def _tell_hooks(self) -> None:
        """Tell of each refusal, then forget it: a crash between the two tells it again."""
        for refused in self.refused():
            hook = self._hooks[refused.result.verdict]
            if hook is not None:
                hook(refused.mutation, refused.result)
                self.dismiss(refused.mutation.mutation_id)


def _by_row(mutations: Iterable[Mutation]) -> dict[str, list[Mutation]]:
    found: dict[str, list[Mutation]] = {}
    for mutation in mutations:
        found.setdefault(mutation.row_id, []).append(mutation)
    return found
