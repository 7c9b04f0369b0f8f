"""How many records go in together."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from app.operations.importer.records import Draft

MAX_RECORDS: Final = 500
MAX_ROWS: Final = 5000
MAX_BYTES: Final = 2 * 2**20
_SELDOM: Final = 100_000


def batched(drafts: Iterable[Draft]) -> Iterator[list[Draft]]:
    """Yield the drafts in lists that one transaction can take; one that is larger comes alone."""
    batch: list[Draft] = []
    rows = size = 0
    for draft in drafts:
        more_rows = 1 + len(draft.words) + len(draft.grammar)
        more_bytes = len(draft.record.raw)
        is_full = (
            len(batch) == MAX_RECORDS
            or rows + more_rows > MAX_ROWS
            or size + more_bytes > MAX_BYTES
        )
        if batch and is_full:
            yield batch
            batch, rows, size = [], 0, 0
        batch.append(draft)
        rows += more_rows
        size += more_bytes
    if batch:
        yield batch


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """Look for garbage less often in the block: thousands of rows are made, and few circles."""
    before = gc.get_threshold()
    gc.set_threshold(_SELDOM, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
