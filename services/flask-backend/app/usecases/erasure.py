"""Forgetting a person: at once what says who they were, then all that they left, page by page.

The account is closed in one transaction, and from then on nobody is signed in to it. Its rows go in
transactions of their own, each a page, so that a long history holds up nobody. Whatever interrupts
that, calling again goes on; ``finish_erasures`` does so for whoever does not call.

A request that was let in before the account was closed may still write something afterwards. So an
erasure is finished by a pass that begins when there can be no such request any more.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import structlog

from app import clock, deadline
from app.errors import AppError, FieldError, Forbidden, Invalid, NotFound
from app.models import (
    Owned,
    Row,
    delete_owned_rows,
    get_erasure,
    get_user,
    list_erasures,
    list_owned_rows,
    lock_user,
    record_erasure,
    update_owned_rows,
)
from app.usecases.accounts import require_dispensable, require_user
from app.usecases.holds import end_open_holds
from app.usecases.learning.personal_files import forget_files
from app.usecases.personal_data import (
    ACCOUNT,
    CLAIMED,
    HEAD,
    HOLDINGS,
    IDENTITY,
    Holding,
    Place,
    place_of,
)
from app.usecases.sessions import Client
from app.usecases.signing_in import is_right_password
from app.usecases.work import decided_unit_of_work
from app.vocabulary import MANAGED_EXTERNALLY
from bilayer.runtime import DatabaseError
from bilayer.runtime.errors import StorageFailure

__all__ = ["erase_account", "erase_own_account", "finish_erasures", "list_erasures"]

SETTLING: Final = timedelta(minutes=1)
"""Longer than a request takes that was let in before."""

_LEFT_FOR_OTHERS: Final = 2.0
_PAGE: Final = 200
_HOLDS_AT_ONCE: Final = 50
_ACCOUNTS_AT_ONCE: Final = 10

_LARGE: Final = [one for one in HOLDINGS if not one.is_small and (one.emptied or not one.kept)]


class _Reached(NamedTuple):
    """How far an erasure has come: a table, and a place in it."""

    table: int
    place: Place | None


log = structlog.get_logger(__name__)


def erase_own_account(user_id: UUID, password: str | None, client: Client) -> Row:
    """Forget whoever asks, and return when that was.

    Args:
        user_id: Who asks.
        password: Theirs, if the account has one of its own.
        client: Where the request comes from.

    Raises:
        Invalid: The password is missing.
        Forbidden: ``WRONG_PASSWORD``, counted like a wrong one at a sign-in.
        Conflict: ``LAST_ADMIN``: nobody could manage accounts any more.
        TooManyRequests: There were too many attempts.
    """
    user = require_user(user_id)
    if user["password_hash"] not in (None, MANAGED_EXTERNALLY):
        if password is None:
            message = "Send the password of the account."
            raise Invalid.fields([FieldError("password", "REQUIRED", message)])
        if not is_right_password(user, user["email"], password, client):
            raise Forbidden("WRONG_PASSWORD", "The password is wrong.")
    return erase_account(user_id)


def erase_account(user_id: UUID) -> Row:
    """Forget the person behind an account, and return when that was. May be called again.

    Raises:
        NotFound: ``USER_NOT_FOUND``: there has never been such an account.
        Conflict: ``LAST_ADMIN``: nobody could manage accounts any more.
    """
    erasure = _close(user_id, clock.now())
    try:
        _forget(erasure)
    except DatabaseError as error:  # The person is told that it happened; the rest will.
        log.warning("erasure_interrupted", user_id=str(user_id), kind=type(error).__name__)
    return erasure


def finish_erasures(at: datetime) -> int:
    """Go over accounts once more that were erased a while ago; tell how many were finished.

    Args:
        at: Now. A pass looks at a few accounts; what is left is for the next one.
    """
    finished = 0
    for row in list_erasures(unfinished_since=at - SETTLING, limit=_ACCOUNTS_AT_ONCE):
        try:
            finished += _forget(_close(row["user_id"], at))
        except (AppError, StorageFailure) as error:  # It keeps no other from being forgotten.
            log.error("erasure_refused", user_id=str(row["user_id"]), code=error.code)  # noqa: TRY400 - a refusal, no fault
    return finished


@decided_unit_of_work
def _close(user_id: UUID, at: datetime) -> Row:
    """Take the identity from an account with all that signs in to it, unless that has happened."""
    # Whoever writes synced rows holds the head, and asks for ``users`` after it: they refer there.
    delete_owned_rows(HEAD.owned, user_id)
    if get_user(user_id) is not None:
        require_dispensable(user_id)
    user = lock_user(user_id)
    if user is None:
        raise NotFound("USER_NOT_FOUND", "There is no such user.")
    for holding in HOLDINGS:
        if holding.is_small and holding not in (ACCOUNT, HEAD):
            delete_owned_rows(holding.owned, user_id)
    erasure = get_erasure(user_id)
    if erasure is not None and all(user[name] == value for name, value in IDENTITY.items()):
        return erasure
    update_owned_rows(ACCOUNT.owned, user_id, values=IDENTITY)
    return record_erasure(user_id, erased_at=at)


def _forget(erasure: Row) -> bool:
    """Erase what is left of a person; tell whether nothing can be left any more."""
    user_id, began = erasure["user_id"], clock.now()
    for _ in _steps(user_id, began):
        if (left := deadline.remaining()) is not None and left < _LEFT_FOR_OTHERS:
            log.warning("erasure_interrupted", user_id=str(user_id), kind="deadline")
            return False
    if began - erasure["erased_at"] < SETTLING:
        return False
    _finish(user_id, began)
    return True


def _steps(user_id: UUID, at: datetime) -> Iterator[None]:
    """Erase what is left of a person and of the guests they were, yielding between short units."""
    yield
    for guest_id in _claimed_guests(user_id):
        _close(guest_id, at)
        yield
        yield from _steps_of_one(guest_id, at)
    yield from _steps_of_one(user_id, at)
    # At the end, so that a file that cannot be removed keeps no row.
    for one in (*_claimed_guests(user_id), user_id):
        forget_files(one)


def _steps_of_one(user_id: UUID, at: datetime) -> Iterator[None]:
    while _release_holds(user_id, at):
        yield
    reached: _Reached | None = _Reached(0, None)
    while reached is not None:
        yield
        reached = _erase_page(user_id, reached)


def _claimed_guests(user_id: UUID) -> Iterator[UUID]:
    place: Place | None = None
    while rows := _claimed_page(user_id, place):
        yield from (row["user_id"] for row in rows)
        place = place_of(rows[-1], CLAIMED)


@decided_unit_of_work
def _claimed_page(user_id: UUID, after: Place | None) -> list[Row]:
    columns = CLAIMED.owned.order
    return list_owned_rows(CLAIMED.owned, user_id, columns=columns, after=after, limit=_PAGE)


@decided_unit_of_work
def _release_holds(user_id: UUID, at: datetime) -> int:
    return end_open_holds(user_id, at, _HOLDS_AT_ONCE)


@decided_unit_of_work
def _erase_page(user_id: UUID, reached: _Reached) -> _Reached | None:
    """Erase the next page of rows, of one table or several; return how far, or None for the end.

    Doing so twice does no more, so it is tried again also when the answer to COMMIT was lost.
    """
    room, after = _PAGE, reached.place
    for number, holding in enumerate(_LARGE[reached.table :], start=reached.table):
        unlike = holding.emptied if holding.kept else None
        columns = (*holding.owned.order, holding.owned.owner)
        rows = list_owned_rows(
            holding.owned, user_id, columns=columns, unlike=unlike, after=after, limit=room
        )
        if rows:
            last = place_of(rows[-1], holding)
            _erase_between(holding, user_id, after, last)
            room -= len(rows)
            if not room:
                return _Reached(number, last)
        after = None
    return None


def _erase_between(holding: Holding, user_id: UUID, after: Place | None, last: Place) -> None:
    if holding.kept:
        update_owned_rows(holding.owned, user_id, after=after, last=last, values=holding.emptied)
    else:
        delete_owned_rows(holding.owned, user_id, after=after, last=last)


@decided_unit_of_work
def _finish(user_id: UUID, at: datetime) -> None:
    update_owned_rows(Owned("erasures"), user_id, values={"finished_at": at})
