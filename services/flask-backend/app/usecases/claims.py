"""Guests who turn out to have an account: what they had moves there, once, and the guest ends.

Prepaid credits, debts and consents move; the allowance of the day does not, or guests would make
credits. Later payments of the guest follow ``claimed_by`` (see ``ledger``).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app import clock
from app.errors import Conflict, Forbidden, Invalid, Unauthorized
from app.models import (
    delete_guest,
    get_credit_account,
    get_session_by_token,
    update_credit_account,
)
from app.usecases import ledger, links, sessions
from app.usecases.allowances import Owner
from app.usecases.consents import adopt_guest_consents
from app.usecases.holds import end_expired_holds
from app.usecases.ledger import Cause, Entry
from app.usecases.sessions import Principal
from app.usecases.tokens import read_token
from app.usecases.wallet import Credits, read_credits, settle
from app.usecases.work import unit_of_work
from app.vocabulary import Bucket, TransactionType, UserType
from bilayer.runtime.errors import SerializationFailure


@dataclass(frozen=True, slots=True)
class Moved:
    """What has come from a guest.

    Attributes:
        prepaid: Credits.
        debt: Credits that are owed.
        consents: Decisions.
    """

    prepaid: int = 0
    debt: int = 0
    consents: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A guest that was claimed.

    Attributes:
        credits: What its owner may spend now.
        moved: What came from the guest just now.
    """

    credits: Credits
    moved: Moved


_NOTHING: Final = Moved()


@unit_of_work
def claim_guest(owner: Owner, guest_token: str) -> Claim:
    """Move what a guest has into an account, and end the guest.

    Args:
        owner: Who the guest turned out to be. Claiming the same guest again moves nothing.
        guest_token: The guest's access token, which proves it.

    Raises:
        Forbidden: ``GUEST_ACCOUNT``: a guest claims nobody.
        Invalid: ``GUEST_TOKEN_INVALID``, or ``NOT_A_GUEST``: it belongs to an account.
        Conflict: ``GUEST_CLAIMED`` by somebody else, or ``GUEST_HAS_HOLDS``.
    """
    if owner.is_guest:
        raise Forbidden("GUEST_ACCOUNT", "A guest cannot claim another one. Register first.")
    at = clock.now()
    guest_id = _find_guest(guest_token, owner.user_id)
    if guest_id is None:
        return Claim(settle(owner, at), _NOTHING)
    if not delete_guest(guest_id):
        raise SerializationFailure("the guest has ended or registered in the meantime")
    prepaid, debt = _lock_credits(guest_id, at)
    settle(owner, at)
    _move_credits(guest_id, owner.user_id, prepaid, debt, at)
    consents = adopt_guest_consents(owner.user_id, guest_id, at)
    sessions.end_all_sessions(guest_id)
    links.end_links(guest_id)
    return Claim(read_credits(owner), Moved(prepaid, debt, consents))


def _find_guest(text: str, user_id: UUID) -> UUID | None:
    """Return the guest whose token this is; None if this account has claimed it before."""
    token = read_token(text)
    if token is None or token.family_id is not None:
        raise _invalid_token()
    guest = _authenticate(text)
    # Looked at after the token, which ends in the transaction that claims the guest.
    account = get_credit_account(token.user_id)
    claimed_by = account["claimed_by"] if account else None
    if claimed_by == user_id:
        return None
    if claimed_by is not None and get_session_by_token(token.user_id, token.digest):
        raise Conflict("GUEST_CLAIMED", "Somebody else has claimed this guest.")
    if guest is None:
        raise _invalid_token()
    if guest.user_type != UserType.GUEST:
        raise Invalid("NOT_A_GUEST", "This token belongs to an account, not to a guest.")
    return guest.user_id


def _authenticate(text: str) -> Principal | None:
    try:
        return sessions.authenticate(text)
    except Unauthorized:
        return None


def _lock_credits(guest_id: UUID, at: datetime) -> tuple[int, int]:
    """Return the balance and the debt of a guest, locked before those of who claims it."""
    account = ledger.lock_account(guest_id, at)
    if account["held"] and end_expired_holds(guest_id, at):
        account = ledger.lock_account(guest_id, at)
    if account["held"]:
        code, message = "GUEST_HAS_HOLDS", "Credits of the guest are set aside. End the holds."
        raise Conflict(code, message)
    return account["credits_balance"], account["debt"]


def _move_credits(guest_id: UUID, user_id: UUID, prepaid: int, debt: int, at: datetime) -> None:
    update_credit_account(guest_id, credits_balance=0, debt=0, claimed_by=user_id)
    left = Cause(TransactionType.CLAIM, str(user_id), at)
    entries = (Entry(Bucket.PREPAID, -prepaid, 0, left), Entry(Bucket.DEBT, -debt, 0, left))
    ledger.append_all(guest_id, [entry for entry in entries if entry.amount])
    came = Cause(TransactionType.CLAIM, str(guest_id), at)
    if prepaid:
        ledger.credit_prepaid(user_id, prepaid, came)
    if debt:
        ledger.seize_prepaid(user_id, debt, came)


def _invalid_token() -> Invalid:
    return Invalid("GUEST_TOKEN_INVALID", "This is no guest's access token that is valid.")
