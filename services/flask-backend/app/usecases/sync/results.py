"""How a client is told what became of its changes. Decides nothing."""

import json
from collections.abc import Callable
from typing import Any, Final

from app.models import Row
from app.usecases.sync.merging import Draft, Verdict
from app.usecases.sync.tables import Synced
from bilayer.documents import dump

MAX_ROWS_BYTES: Final = 4 * 2**20
"""How large the rows of an answer are together; those that follow have to be pulled."""
MAX_REPLAYED_BYTES: Final = 2 * MAX_ROWS_BYTES
"""The same for what is told again. So much that one push is told again as it was told first."""

Result = dict[str, Any]
Writer = Callable[[Synced, Row], str]
"""Writes a row in JSON, as clients see it."""


class Results:
    """The results of one push, each as it is stored and told.

    Args:
        write_row: How rows are told.

    Attributes:
        is_whole: No row was left out.
    """

    def __init__(self, write_row: Writer) -> None:
        self._write_row = write_row
        self._left = MAX_ROWS_BYTES
        self.is_whole = True

    def tell(self, mutation_id: str, verdict: Verdict, draft: Draft | None) -> Result:
        """Return what became of a change.

        Args:
            mutation_id: What the client calls it.
            verdict: What became of it.
            draft: The row, if the change got as far as a row.
        """
        result: Result = {"mutation_id": mutation_id, "verdict": verdict.word}
        if verdict.word != "rejected" and draft is not None:
            result |= self._show(draft)
        reasons = {"path": verdict.path, "code": verdict.code, "reason": verdict.reason}
        return result | {name: text for name, text in reasons.items() if text is not None}

    def _show(self, draft: Draft) -> Result:
        row, synced = draft.stored, draft.synced
        if row is None:
            return {"row": None}
        if draft.is_deleted:
            key = str(row[synced.id_column])
            return {"row": {"id": key, "version": row["version"], "is_deleted": True}}
        text = self._write_row(synced, row)
        size = len(text.encode())
        if size > self._left:
            self.is_whole = False
            return {}
        self._left -= size
        return {"row": json.loads(text)}


def fit_row(result: Result, left: int) -> tuple[Result, int]:
    """Return a stored result, without its row if that is too large, and how much room is left."""
    row = result.get("row")
    size = len(dump(row).encode()) if row else 0
    if size <= left:
        return result, left - size
    return {name: value for name, value in result.items() if name != "row"}, left
