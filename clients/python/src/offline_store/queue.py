"""The queue of mutations: what this device has changed and the service has not given back yet."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict

from offline_store.database import LocalDatabase
from offline_store.model import Mutation, Refused, Result, State
from offline_store.protocol import MAX_MUTATIONS, encode


def append(database: LocalDatabase, mutation: Mutation) -> None:
    """Put a mutation behind all others."""
    database.execute(
        "INSERT INTO mutations (mutation_id, table_name, op, row_id, base_version, fields)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        mutation.mutation_id,
        mutation.table,
        mutation.op,
        mutation.row_id,
        mutation.base_version,
        encode(mutation.fields).decode(),
    )


def list_queued(database: LocalDatabase, limit: int = MAX_MUTATIONS) -> list[Mutation]:
    """List the mutations that have no verdict, in the order in which they were made."""
    found = database.fetch(
        "SELECT * FROM mutations WHERE state = ? ORDER BY position LIMIT ?", State.QUEUED, limit
    )
    return [_mutation(row) for row in found]


def list_visible(database: LocalDatabase, table: str, row_id: str | None = None) -> list[Mutation]:
    """List the mutations of a table, or of one row, that people see on top of the rows."""
    # Not "? IS NULL OR row_id = ?": for that no index is used, and 10,000 mutations are read.
    of_row, values = ("", ()) if row_id is None else (" AND row_id = ?", (row_id,))
    found = database.fetch(
        f"SELECT * FROM mutations WHERE table_name = ?{of_row} AND state <> ? ORDER BY position",  # noqa: S608 - one of two constants
        table,
        *values,
        State.REFUSED,
    )
    return [_mutation(row) for row in found]


def list_refused(database: LocalDatabase) -> list[Refused]:
    """List the mutations that were in conflict or rejected, in the order they were made."""
    found = database.fetch(
        "SELECT * FROM mutations WHERE state = ? ORDER BY position", State.REFUSED
    )
    return [Refused(_mutation(row), Result(**json.loads(row["result"]))) for row in found]


def settle(database: LocalDatabase, results: Sequence[Result]) -> None:
    """Note the verdicts of mutations that had none, within the caller's transaction."""
    for result in results:
        database.execute(
            "UPDATE mutations SET state = ?, result = ? WHERE mutation_id = ? AND state = ?",
            State.CONFIRMED if result.is_stored else State.REFUSED,
            None if result.is_stored else encode(asdict(result)).decode(),
            result.mutation_id,
            State.QUEUED,
        )


def dismiss(database: LocalDatabase, mutation_id: str) -> int:
    """Forget a mutation that was refused; return how many there were."""
    return database.execute(
        "DELETE FROM mutations WHERE mutation_id = ? AND state = ?", mutation_id, State.REFUSED
    )


def list_confirmed(database: LocalDatabase) -> list[int]:
    """List the positions of those that are stored there, and may not have come back."""
    found = database.fetch("SELECT position FROM mutations WHERE state = ?", State.CONFIRMED)
    return [row["position"] for row in found]


def forget(database: LocalDatabase, positions: Sequence[int]) -> None:
    """Forget mutations that have come back as rows."""
    with database.transaction():
        for position in positions:
            database.execute(
                "DELETE FROM mutations WHERE position = ? AND state = ?", position, State.CONFIRMED
            )


def send_again(database: LocalDatabase) -> None:
    """Queue what was confirmed and has not come back: the service may have forgotten it."""
    database.execute(
        "UPDATE mutations SET state = ?, result = NULL WHERE state = ?",
        State.QUEUED,
        State.CONFIRMED,
    )


def rebase(database: LocalDatabase) -> None:
    """Let what is queued be based on the rows as they are now; versions have begun anew.

    What is based on a row that is not here any more gets the oldest version there is: the service
    will say that the row is gone.
    """
    database.execute(
        """
        UPDATE mutations
        SET base_version = COALESCE(
            (
                SELECT version FROM rows
                WHERE table_name = mutations.table_name AND id = mutations.row_id
            ),
            1
        )
        WHERE state = ? AND base_version > 0
        """,
        State.QUEUED,
    )


def _mutation(row: sqlite3.Row) -> Mutation:
    return Mutation(
        mutation_id=row["mutation_id"],
        table=row["table_name"],
        op=row["op"],
        row_id=row["row_id"],
        base_version=row["base_version"],
        fields=json.loads(row["fields"]),
    )
