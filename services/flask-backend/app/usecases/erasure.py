"""Forgetting a person: at once what says who they were, then all that they left, page by page.

The account is closed in one transaction, and from then on nobody is signed in to it. Its rows go in
transactions of their own, each a page, so that a long history holds up nobody. Whatever interrupts
that, calling again goes on; ``finish_erasures`` does so for whoever does not call.

A request that was let in before the account was closed may still write something afterwards. So an
erasure is finished by a pass that begins when there can be no such request any more.
"""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from app import clock, deadline
from app.errors import Conflict, FieldError, Forbidden, Invalid, NotFound
from app.models import (
    Place,
    Row,
    delete_owned_rows,
    empty_owned_rows,
    erase_identity,
    find_page_end,
    finish_erasure,
    get_erasure,
    get_user,
    list_erasures,
    list_open_holds,
    list_unfinished_erasures,
    lock_user,
    record_erasure,
)
from app.usecases.accounts import require_dispensable, require_user
from app.usecases.holds import end_expired_holds, release_hold
from app.usecases.personal_data import ACCOUNT, HOLDINGS, IDENTITY, Holding
from app.usecases.sessions import Client
from app.usecases.signing_in import is_right_password
from app.usecases.work import decided_unit_of_work
from app.vocabulary import MANAGED_EXTERNALLY

__all__ = ["SETTLING", "erase_account", "erase_own_account", "finish_erasures", "list_erasures"]

SETTLING: Final = timedelta(minutes=1)
"""Longer than a request takes that was let in before."""

_LEFT_FOR_OTHERS: Final = 2.0
_PAGE: Final = 200
_ACCOUNTS_AT_ONCE: Final = 10

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
    _forget(erasure)
    return erasure


def finish_erasures(at: datetime) -> int:
    """Go over accounts once more that were erased a while ago; tell how many were finished.

    Args:
        at: Now. A pass looks at a few accounts; what is left is for the next one.
    """
    waiting = list_unfinished_erasures(before=at - SETTLING, limit=_ACCOUNTS_AT_ONCE)
    erasures = [erasure for user_id in waiting if (erasure := get_erasure(user_id))]
    return sum(map(_forget, erasures))


@decided_unit_of_work
def _close(user_id: UUID, at: datetime) -> Row:
    """Take the identity from an account with all that signs in to it, unless that has happened."""
    if get_user(user_id) is not None:
        require_dispensable(user_id)
    user = lock_user(user_id)
    if user is None:
        raise NotFound("USER_NOT_FOUND", "There is no such user.")
    erasure = get_erasure(user_id)
    if erasure is None or any(user[name] != value for name, value in IDENTITY.items()):
        erase_identity(user_id, IDENTITY)
        record_erasure(user_id, erased_at=at)
        erasure = get_erasure(user_id)
    for holding in HOLDINGS:
        if holding.is_small and holding is not ACCOUNT:
            _erase_all(holding, user_id)
    return erasure or {}


def _forget(erasure: Row) -> bool:
    """Erase what is left of a person; tell whether nothing can be left any more."""
    user_id, began = erasure["user_id"], clock.now()
    _release_holds(user_id, began)
    for holding in HOLDINGS:
        if holding is not ACCOUNT and not _erase_all(holding, user_id, is_hurried=True):
            log.info("erasure_interrupted", user_id=str(user_id), table=holding.owned.table)
            return False
    if began - erasure["erased_at"] < SETTLING:
        return False
    _finish(user_id, began)
    return True


@decided_unit_of_work
def _finish(user_id: UUID, at: datetime) -> None:
    finish_erasure(user_id, finished_at=at)


def _release_holds(user_id: UUID, at: datetime) -> None:
    end_expired_holds(user_id, at)
    for hold_id in list_open_holds(user_id, limit=_PAGE):
        with suppress(Conflict):  # It has ended meanwhile.
            release_hold(user_id, hold_id, at)


def _erase_all(holding: Holding, user_id: UUID, *, is_hurried: bool = False) -> bool:
    """Erase what a table holds; tell whether that was all, before a request's time was over."""
    if holding.kept and not holding.emptied:
        return True
    last: Place | None = None
    while not (is_hurried and _is_late()):
        last = _erase_page(holding, user_id, last)
        if not last:
            return True
    return False


def _is_late() -> bool:
    left = deadline.remaining()
    return left is not None and left < _LEFT_FOR_OTHERS


@decided_unit_of_work
def _erase_page(holding: Holding, user_id: UUID, after: Place | None) -> Place | None:
    """Erase the next page, and return where it ends; None, or an empty place, if it was the last.

    Doing so twice does no more, so it is tried again also when the answer to COMMIT was lost.
    """
    unlike = holding.emptied if holding.kept else None
    last = find_page_end(holding.owned, user_id, after=after, limit=_PAGE, unlike=unlike)
    if last is None:
        return None
    if holding.kept:
        empty_owned_rows(holding.owned, user_id, after=after, last=last, values=holding.emptied)
    else:
        delete_owned_rows(holding.owned, user_id, after=after, last=last)
    return last
