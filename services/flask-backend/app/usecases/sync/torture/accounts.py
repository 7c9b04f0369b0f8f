"""Accounts that are there for a while only, and leave nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from app.models import create_user, delete_owned_rows, list_owned_rows, release
from app.usecases.personal_data import HOLDINGS, Holding, place_of
from app.usecases.work import decided_unit_of_work, unit_of_work
from app.vocabulary import UserType

NAME: Final = "backend sync torture"
"""What these accounts are called, should somebody meet one."""

_PAGE: Final = 500


@contextmanager
def borrowed_accounts(count: int) -> Iterator[list[UUID]]:
    """Lend new accounts, guests to whom nobody can sign in, until the block ends."""
    user_ids = _make_accounts(count)
    try:
        yield user_ids
    finally:
        release()
        for user_id in user_ids:
            remove_account(user_id)


def remove_account(user_id: UUID) -> None:
    """Remove an account and all that it has, unlike an erasure, which keeps what was paid."""
    for holding in reversed(HOLDINGS):
        while _remove_page(holding, user_id):
            pass


@unit_of_work
def _make_accounts(count: int) -> list[UUID]:
    return [create_user(full_name=NAME, user_type=UserType.GUEST)["id"] for _ in range(count)]


@decided_unit_of_work
def _remove_page(holding: Holding, user_id: UUID) -> bool:
    """Remove some rows; tell whether there may be more."""
    owned = holding.owned
    rows = list_owned_rows(owned, user_id, columns=(*owned.order, owned.owner), limit=_PAGE)
    if rows:
        delete_owned_rows(owned, user_id, last=place_of(rows[-1], holding))
    return len(rows) == _PAGE
