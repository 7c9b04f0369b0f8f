"""The service's rows on this device, and where it stands in the stream of changes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import dataclass
from typing import Final

from offline_store import queue
from offline_store.database import LocalDatabase
from offline_store.model import Page, Row
from offline_store.protocol import encode

_REASONS_THAT_KEEP_VERSIONS: Final = frozenset({"checksum", "cursor", "horizon", "tables"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where the store stands.

    Attributes:
        cursor: Up to where it has the service's changes; None: it has none of them.
        etag: What the service said with the last page, if that was empty.
        generation: Of the rows that come now.
        is_resyncing: Everything is being fetched anew.
    """

    cursor: str | None
    etag: str | None
    generation: int
    is_resyncing: bool


def get_place(database: LocalDatabase) -> Place:
    """Return where the store stands."""
    [row] = database.fetch("SELECT * FROM state")
    return Place(row["cursor"], row["etag"], row["generation"], row["resync"] is not None)


def belongs_to(database: LocalDatabase, account: str) -> bool:
    """Tell whether the store is this account's; one that is nobody's yet is from now on."""
    with database.transaction():
        database.execute("UPDATE state SET account = ? WHERE account IS NULL", account)
        [row] = database.fetch("SELECT account FROM state")
    return bool(row["account"] == account)


def apply(database: LocalDatabase, page: Page, place: Place, confirmed: list[int]) -> bool:
    """Store a page and its cursor, both or neither.

    Args:
        database: The store.
        page: What was asked for at the place.
        place: Where the store stood when the page was asked for.
        confirmed: The mutations that were confirmed before that, and so are in the last page.

    Returns:
        Whether it was stored; False if another process was faster.
    """
    with database.transaction():
        if get_place(database) != place:
            return False
        for row in page.upserted:
            _store(database, row, place.generation)
        for table, row_id in page.deleted:
            database.execute("DELETE FROM rows WHERE table_name = ? AND id = ?", table, row_id)
        # The tag is one of the cursor it was asked with.
        etag = page.etag if page.cursor == place.cursor else None
        database.execute("UPDATE state SET cursor = ?, etag = ?", page.cursor, etag)
        if not page.has_more:
            queue.forget(database, confirmed)
            _end_resync(database)
    return True


def begin_resync(database: LocalDatabase, reason: str) -> None:
    """Fetch everything anew from the next page on. What people see stays until that is done."""
    resync = "keep" if reason in _REASONS_THAT_KEEP_VERSIONS else "rebase"
    with database.transaction():
        if resync == "rebase":
            queue.send_again(database)
        database.execute(
            "UPDATE state SET cursor = NULL, etag = NULL, generation = generation + 1,"
            " resync = CASE resync WHEN 'rebase' THEN resync ELSE ? END",
            resync,
        )


def _end_resync(database: LocalDatabase) -> None:
    [state] = database.fetch("SELECT generation, resync FROM state")
    if state["resync"] is None:
        return
    database.execute("DELETE FROM rows WHERE generation < ?", state["generation"])
    if state["resync"] == "rebase":
        queue.rebase(database)
    database.execute("UPDATE state SET resync = NULL")


def get_row(database: LocalDatabase, table: str, row_id: str) -> Row | None:
    """Return a row as the service has it."""
    found = database.fetch("SELECT * FROM rows WHERE table_name = ? AND id = ?", table, row_id)
    return _row(found[0]) if found else None


def list_rows(database: LocalDatabase, table: str) -> list[Row]:
    """List the rows of a table as the service has them."""
    return [_row(row) for row in database.fetch("SELECT * FROM rows WHERE table_name = ?", table)]


def list_tables(database: LocalDatabase) -> list[str]:
    """Name the tables that have rows."""
    return [row["table_name"] for row in database.fetch("SELECT DISTINCT table_name FROM rows")]


def checksum(database: LocalDatabase, table: str) -> tuple[int, str]:
    """Return how many rows the service has, as far as this store knows, and their hash."""
    found = database.fetch("SELECT id, version FROM rows WHERE table_name = ? ORDER BY id", table)
    lines = "".join(f"{row['id']}:{row['version']}\n" for row in found)
    return len(found), hashlib.sha256(lines.encode()).hexdigest()


def _store(database: LocalDatabase, row: Row, generation: int) -> None:
    database.execute(
        "INSERT OR REPLACE INTO rows (table_name, id, version, fields, generation)"
        " VALUES (?, ?, ?, ?, ?)",
        row.table,
        row.id,
        row.version,
        encode(row.fields).decode(),
        generation,
    )


def _row(row: sqlite3.Row) -> Row:
    return Row(row["table_name"], row["id"], row["version"], json.loads(row["fields"]))
