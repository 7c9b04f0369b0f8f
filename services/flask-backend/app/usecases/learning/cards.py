"""Pages of cards, each of which may be large."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.keyset import Position
from app.models import Row
from app.usecases.learning.current import current_store
from app.usecases.learning.learners import require_learner
from app.usecases.learning.store import CARDS

_AT_ONCE: Final = 4
"""How many cards are read before it is known whether a page has room for more."""


def list_cards(
    user_id: UUID,
    learner_id: str,
    *,
    where: Mapping[str, Any],
    start_date: datetime | None = None,
    end_date: datetime | None = None,
    after: Position | None = None,
    limit: int,
    enough: int,
    weigh: Callable[[Row], int],
) -> list[Row]:
    """Return cards of a learner, the newest first, no more than a page of bytes needs.

    Args:
        user_id: Whose learner.
        learner_id: Which learner.
        where: The values that columns have; None for any.
        start_date: The earliest ``approved_at``, itself included.
        end_date: The latest, itself included.
        after: The last card of the page before.
        limit: How many at most.
        enough: After so many bytes one more card is read, and none after it.
        weigh: Tells how many bytes of an answer a card has at least.

    Raises:
        NotFound: ``LEARNER_NOT_FOUND``.
    """
    require_learner(user_id, learner_id)
    narrowed = {name: value for name, value in where.items() if value is not None}
    places = current_store().page(
        CARDS,
        user_id,
        where={"profile_id": learner_id, **narrowed},
        start=start_date,
        end=end_date,
        after=after,
        columns=("id",),
        limit=limit,
    )
    return _read_enough(user_id, [place["id"] for place in places], enough, weigh)


def _read_enough(
    user_id: UUID, ids: Sequence[UUID], enough: int, weigh: Callable[[Row], int]
) -> list[Row]:
    rows: list[Row] = []
    size = 0
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        found = current_store().find(CARDS, user_id, some)
        for row in (found[row_id] for row_id in some if row_id in found):
            rows.append(row)
            if size > enough:
                return rows
            size += weigh(row)
    return rows
