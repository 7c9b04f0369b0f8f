"""What an operator does to the numbers: another epoch, and versions for rows that have none."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from app.models import (
    Synced,
    list_account_ids,
    list_synced,
    list_unnumbered_owners,
    number_rows,
    replace_epoch,
)
from app.usecases.work import unit_of_work

_ACCOUNTS: Final = 500
_ROWS: Final = 200


@unit_of_work
def begin_epoch(*, at: datetime) -> tuple[UUID, int]:
    """Begin another epoch: every cursor there is leads nowhere any more.

    Returns:
        The epoch, and how many accounts there are that devices may have a copy of.
    """
    epoch = uuid4()
    return epoch, replace_epoch(epoch, at=at)


def number_unnumbered() -> Iterator[int]:
    """Give rows without a version one, account by account; yield how many after each batch.

    An older release writes them, while it runs beside this one.
    """
    after = UUID(int=0)
    while user_ids := list_account_ids(after=after, limit=_ACCOUNTS):
        for synced in list_synced().values():
            for user_id in list_unnumbered_owners(synced, user_ids):
                while count := _number(synced, user_id):
                    yield count
        after = user_ids[-1]


@unit_of_work
def _number(synced: Synced, user_id: UUID) -> int:
    return number_rows(synced, user_id, limit=_ROWS)
