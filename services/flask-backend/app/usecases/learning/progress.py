"""How much a learner has mastered: in all, by language and by UTC day."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final
from uuid import UUID

from app.usecases.learning.current import current_store
from app.usecases.learning.learners import require_learner
from app.usecases.learning.store import CARDS, GRAMMAR, MESSAGES, WORDS, DayCount

_NAMES: Final = {"words": WORDS, "grammar": GRAMMAR, "cards": CARDS, "messages": MESSAGES}


@dataclass(slots=True)
class Counts:
    """How much there is of each kind, and of words by their language."""

    words: int = 0
    grammar: int = 0
    cards: int = 0
    messages: int = 0
    languages: dict[str, int] = field(default_factory=dict)

    def add(self, name: str, counted: DayCount) -> None:
        """Add what came of a kind on one day."""
        setattr(self, name, getattr(self, name) + counted.count)
        if counted.language is not None:
            known = self.languages.get(counted.language, 0)
            self.languages[counted.language] = known + counted.count


@dataclass(slots=True)
class Progress:
    """What there is in a range: in all, and by the days on which anything came, the first first."""

    total: Counts
    days: dict[date, Counts]


def count_progress(
    user_id: UUID,
    learner_id: str,
    *,
    start_date: datetime | None = None,
    end_date: datetime | None = None,
) -> Progress:
    """Count what a learner has that came between two moments, themselves included.

    Raises:
        NotFound: ``LEARNER_NOT_FOUND``.
    """
    require_learner(user_id, learner_id)
    total, days = Counts(), dict[date, Counts]()
    for name, kind in _NAMES.items():
        counted = current_store().count_days(
            kind, user_id, learner_id, start=start_date, end=end_date
        )
        for one in counted:
            total.add(name, one)
            days.setdefault(one.day, Counts()).add(name, one)
    return Progress(total, dict(sorted(days.items())))
