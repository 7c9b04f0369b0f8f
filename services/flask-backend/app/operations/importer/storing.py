"""A batch of records goes in: rows, journal, quarantine and counts in one unit of work."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from app.models import (
    ItemPlace,
    Row,
    create_import_items,
    create_learning_rows,
    create_quarantined,
    get_head,
    lock_head,
    update_import_run,
)
from app.operations.importer.journal import require_still
from app.operations.importer.placing import Rows
from app.operations.importer.records import Draft
from app.operations.importer.settling import Outcome, settle
from app.operations.importer.tally import Tally
from app.usecases.learning.store import KINDS
from app.usecases.work import unit_of_work


@dataclass(frozen=True, slots=True)
class Run:
    """An import that has begun.

    Attributes:
        user_id: Whose learners come in.
        id: Its own id.
        profile_id: The learner of cards and messages.
        at: When it began, which stands for times that records do not tell.
    """

    user_id: UUID
    id: UUID
    profile_id: str | None
    at: datetime

    @classmethod
    def of(cls, row: Row) -> Self:
        """Take a run from the journal."""
        return cls(row["user_id"], row["id"], row["profile_id"], row["started_at"])


@unit_of_work
def store_batch(run: Run, drafts: Sequence[Draft], tally: Tally, now: datetime) -> Tally:
    """Bring records in, and note what became of each; return the counts with them.

    Args:
        run: The import.
        drafts: The records.
        tally: The counts of all records before them.
        now: The time.
    """
    lock_head(run.user_id)
    require_still(run.user_id, run.id)
    outcomes = settle(run.user_id, drafts, run.at)
    version = add_rows(run.user_id, [outcome.added for outcome in outcomes])
    create_import_items(_item(run, outcome, version) for outcome in outcomes)
    create_quarantined(row for outcome in outcomes for row in quarantined(run, outcome, now))
    tally = tally.plus(outcomes)
    update_import_run(run.user_id, run.id, counts=tally.document(), updated_at=now)
    return tally


def add_rows(user_id: UUID, records: Sequence[Rows]) -> int:
    """Store rows that are not there, in the transaction of whoever calls; return their version."""
    for kind in KINDS:
        rows = [row for record in records for row in record.get(kind, ())]
        if rows:
            create_learning_rows(kind.table, user_id, rows)
    head = get_head(user_id)
    return head["version"] if head else 0


def stored_ids(rows: Rows) -> dict[str, list[str]]:
    """Return the ids of rows by table, as the journal has them."""
    return {kind.table: [str(row["id"]) for row in some] for kind, some in rows.items()}


def place_of(draft: Draft) -> ItemPlace:
    """Return where a record stands."""
    return draft.record.file, draft.record.position


def quarantined(run: Run, outcome: Outcome, now: datetime) -> Iterator[Row]:
    """Give the rows of the quarantine for a record; the first has the record, if it is refused."""
    record = outcome.draft.record
    is_whole = outcome.status == "quarantined"
    for number, problem in enumerate(outcome.refused):
        yield {
            "user_id": run.user_id,
            "run_id": run.id,
            "file": record.file,
            "position": record.position,
            "number": number,
            "pointer": _storable(problem.pointer),
            "rule": problem.rule.value,
            "reason": _storable(problem.reason),
            "value": _storable(record.raw if is_whole and not number else problem.value),
            "state": "open",
            "created_at": now,
        }


def _item(run: Run, outcome: Outcome, version: int) -> dict[str, Any]:
    record = outcome.draft.record
    return {
        "user_id": run.user_id,
        "run_id": run.id,
        "file": record.file,
        "position": record.position,
        "pointer": record.pointer,
        "record_hash": record.raw_hash,
        "status": outcome.status,
        "stored": stored_ids(outcome.added),
        "original": dict(outcome.draft.original),
        "version": version if outcome.added else 0,
    }


def _storable(text: str | bytes) -> str:
    """Return a text as every database can keep it, with marks for what none can."""
    raw = text if isinstance(text, bytes) else text.encode(errors="backslashreplace")
    return raw.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
