"""What a store holds, as values: rows, mutations, and what became of them. Knows no database."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

JSON = dict[str, Any]
"""A JSON object; Any, because it holds whatever the service sends."""


class State(StrEnum):
    """How far a mutation has come; one that is settled is removed."""

    QUEUED = "queued"
    """It waits for its verdict, sent or not."""
    CONFIRMED = "confirmed"
    """The service has stored it; the row has not come back yet."""
    REFUSED = "refused"
    """In conflict or rejected; the application has not been told yet."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as this device sees it, its own changes included.

    Attributes:
        table: The table it is in.
        id: Its id, made by the device that made the row.
        version: The service's version of it; 0 before the service has confirmed it.
        fields: Its values by name.
        is_pending: It has changes that have not come back from the service yet.
    """

    table: str
    id: str
    version: int
    fields: JSON
    is_pending: bool = False


@dataclass(frozen=True, slots=True)
class Mutation:
    """One change, as it is sent.

    Attributes:
        mutation_id: Made once; however often the mutation is sent, it takes effect once.
        table: The table of the row.
        op: ``upsert`` or ``delete``.
        row_id: The row's id.
        base_version: The version the change was made upon; 0: the row is new; None: unknown.
        fields: The values to set; empty for ``delete``.
    """

    mutation_id: str
    table: str
    op: str
    row_id: str
    base_version: int | None
    fields: JSON

    def to_json(self) -> JSON:
        """Return it as the service reads it."""
        sent: JSON = {
            "mutation_id": self.mutation_id,
            "table": self.table,
            "op": self.op,
            "id": self.row_id,
        }
        if self.base_version is not None:
            sent["base_version"] = self.base_version
        if self.op == "upsert":
            sent["fields"] = self.fields
        return sent


@dataclass(frozen=True, slots=True)
class Result:
    """What the service made of a mutation.

    Attributes:
        mutation_id: Which one.
        verdict: ``applied``, ``merged``, ``conflict`` or ``rejected``.
        row: The service's row, if it gave one.
        path: What is wrong in a rejected mutation: ``fields.payload``.
        code: Stable and for programs: ``ROW_DELETED``.
        reason: A sentence for people.
    """

    mutation_id: str
    verdict: str
    row: JSON | None = None
    path: str | None = None
    code: str | None = None
    reason: str | None = None

    @property
    def is_stored(self) -> bool:
        """Whether the change is in the service's rows now."""
        return self.verdict in {"applied", "merged"}


@dataclass(frozen=True, slots=True)
class Refused:
    """A mutation that was not stored, and why."""

    mutation: Mutation
    result: Result


Hook = Callable[[Mutation, Result], None]
"""Told of a mutation that was not stored, at the end of a sync.

It may write to the store, but not sync it. It is told again if it fails, or if the device does.
"""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of changes.

    Attributes:
        upserted: Rows that were made or changed.
        deleted: Table and id of rows that were deleted.
        cursor: Where the next page begins.
        has_more: Whether there is one already.
        etag: What to ask with, to be told that nothing is new.
    """

    upserted: list[Row]
    deleted: list[tuple[str, str]]
    cursor: str
    has_more: bool
    etag: str | None


class Agreement(StrEnum):
    """What ``Store.verify`` has found."""

    AGREES = "agrees"
    """The store holds what the service holds."""
    HEALED = "healed"
    """It did not, and does after a full resync."""
    UNDECIDED = "undecided"
    """The service's rows changed each time before they could be compared."""


@dataclass(slots=True)
class Report:
    """What a sync has done.

    Attributes:
        pushed: Mutations that got a verdict.
        pulled: Rows that came, deleted ones too.
        refused: Mutations that were in conflict or rejected.
        resynced: Whether everything was fetched anew.
    """

    pushed: int = 0
    pulled: int = 0
    refused: int = 0
    resynced: bool = False
