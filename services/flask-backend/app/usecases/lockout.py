"""How often one may try a password: each try beyond the free ones costs a longer wait.

What an attempt did to the counters is taken back if its password was right.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from app.errors import TooManyRequests
from app.metrics import record_locked_sign_in
from app.models import CounterName, email_key, update_counter
from app.usecases.counters import (
    Claim,
    Limit,
    claim_all,
    forget_stale,
    name_counter,
    place_of,
    refund_claims,
)
from app.usecases.work import unit_of_work

GUESS_LIMIT: Final = Limit(5, timedelta(minutes=15), timedelta(minutes=30))
"""One account from one address: what a guesser meets first, and nobody elsewhere."""
ACCOUNT_LIMIT: Final = Limit(100, timedelta(minutes=1), timedelta(minutes=5))
"""One account from everywhere. Far higher: it can keep the owner waiting, too."""
ADDRESS_LIMIT: Final = Limit(50, timedelta(minutes=1), timedelta(seconds=20))
"""All accounts from one address, which many people share in an office or a mobile network."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was counted.

    Attributes:
        guess: The counter of this account from this address, which a right password clears.
        claims: What it did to the other counters.
    """

    guess: Claim
    claims: tuple[Claim, ...]


def claim_attempt(user_id: UUID | None, email: str, address: str | None) -> Attempt:
    """Count an attempt to sign in. An unknown e-mail is treated exactly as a known one.

    Args:
        user_id: The account with this e-mail, None if there is none.
        email: What was given as e-mail.
        address: Where it came from, None if unknown.

    Raises:
        TooManyRequests: There is a lock; this attempt was not counted.
    """
    key, place = email_key(email), place_of(address)
    guess = _guess(key, place)
    others: list[tuple[CounterName, Limit]] = [
        (user_id or name_counter("email", key), ACCOUNT_LIMIT)
    ]
    if address is not None:
        others.append((name_counter("address", place), ADDRESS_LIMIT))
    try:
        # Always in this order, so that no two attempts wait for each other.
        *claims, last = claim_all([*others, (guess, GUESS_LIMIT)])
    except TooManyRequests:
        record_locked_sign_in()
        raise
    forget_stale(guess)
    return Attempt(last, tuple(claims))


@unit_of_work
def forgive_attempt(attempt: Attempt) -> None:
    """Take back an attempt whose password was right, and all guesses at it from this address.

    The other counters get this one attempt back and no more: else whoever has one account could
    guess at all others from its address.
    """
    refund_claims(attempt.claims)
    update_counter(attempt.guess.counter, failed=0, locked_until=None)


@unit_of_work
def withdraw_attempt(attempt: Attempt) -> None:
    """Take back an attempt whose password was never compared."""
    refund_claims((*attempt.claims, attempt.guess))


@unit_of_work
def end_lock(user_id: UUID, email: str, address: str | None) -> None:
    """Forget the attempts at an account whose owner has just shown who they are.

    From everywhere, and from the address where they are; other addresses may be a guesser's.
    """
    for counter in (user_id, _guess(email_key(email), place_of(address))):
        update_counter(counter, failed=0, locked_until=None)


def _guess(key: str, place: str) -> str:
    return name_counter("guess", key, place)
