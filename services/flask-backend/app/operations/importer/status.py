"""What imports of an account there are, and what of one could not go in. Writes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.models import Row, count_quarantined, list_import_runs, list_quarantined
from app.operations.importer.journal import MANY, Asked, require_run

MAX_TOLD: Final = 1000
"""How much of what could not go in is told one by one."""


@dataclass(frozen=True, slots=True)
class Status:
    """An import.

    Attributes:
        run: Its row in the journal.
        refused: How often each rule keeps something out.
        quarantine: The first of what is kept out.
    """

    run: Row
    refused: Mapping[str, int]
    quarantine: Sequence[Row]


def read_status(asked: Asked) -> Status:
    """Return what there is to know of an import.

    Raises:
        Refused: There is none.
    """
    return status_of(require_run(asked))


def status_of(run: Row) -> Status:
    """Return what there is to know of a run."""
    return Status(
        run,
        count_quarantined(run["user_id"], run["id"]),
        list_quarantined(run["user_id"], run["id"], limit=MAX_TOLD),
    )


def list_runs(asked: Asked) -> list[Row]:
    """Return the imports of an account, newest first; of one folder if it is named."""
    rows = list_import_runs(asked.user_id, limit=MANY)
    return [row for row in rows if asked.source in (None, row["source"])]
