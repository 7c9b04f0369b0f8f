"""What this process remembers of public answers, for when no database can be asked.

Bounded by bytes; the answers that were asked for least recently go first. Holds texts and not the
documents themselves, which whoever got one may change.
"""

import json
import threading
from dataclasses import replace
from datetime import datetime
from typing import Final

from cachetools import LRUCache

from app.usecases.cached_answers import Answer

_OVERHEAD_BYTES: Final = 512
"""What an answer takes beside its text."""


class PublicCopy:
    """The copy of one process.

    Args:
        max_bytes: How much it may hold; 0: nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self._lock = threading.Lock()
        self._answers: LRUCache[str, Answer] = LRUCache(max_bytes, getsizeof=_size_of)
        self._changes = 0

    @property
    def changes(self) -> int:
        """How often something was written or deleted; see ``follow``."""
        return self._changes

    def get(self, query_hash: str, at: datetime) -> Answer | None:
        """Return an answer that is remembered and has not expired, or None."""
        with self._lock:
            kept = self._answers.get(query_hash)
        if kept is None or kept.expires_at <= at:
            return None
        return replace(kept, result=json.loads(kept.result), is_copy=True)

    def put(self, query_hash: str, answer: Answer, *, changes: int) -> None:
        """Remember an answer that was written.

        Args:
            query_hash: What was asked.
            answer: What was written.
            changes: ``changes`` as it was before. If there were others since, nobody knows which
                is the last: then the next who reads finds out.
        """
        with self._lock:
            is_last = changes == self._changes
            self._changes += 1
            self._answers.pop(query_hash, None)
            if is_last:
                self._keep(query_hash, answer)

    def delete(self, query_hash: str) -> None:
        """Forget an answer that was deleted."""
        with self._lock:
            self._changes += 1
            self._answers.pop(query_hash, None)

    def follow(self, query_hash: str, answer: Answer | None, *, changes: int) -> None:
        """Remember what the database said, None included.

        Args:
            query_hash: What was asked.
            answer: What it said.
            changes: ``changes`` as it was before. What was written since is newer.
        """
        with self._lock:
            if changes != self._changes:
                return
            if answer is None:
                self._answers.pop(query_hash, None)
                return
            kept = self._answers.get(query_hash)  # Also tells that it was asked for.
            if kept is None or kept.cached_at != answer.cached_at:
                self._keep(query_hash, answer)

    def _keep(self, query_hash: str, answer: Answer) -> None:
        self._answers.pop(query_hash, None)
        text = json.dumps(answer.result, ensure_ascii=False, separators=(",", ":")).encode()
        kept = replace(answer, result=text)
        if _size_of(kept) <= self._answers.maxsize:
            self._answers[query_hash] = kept


def _size_of(kept: Answer) -> int:
    return len(kept.result) + _OVERHEAD_BYTES
