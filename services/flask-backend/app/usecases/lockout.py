"""How often one may try a password or sign up: each try beyond the free ones costs a longer wait.

Every attempt is counted before the password is compared, so that a thousand guesses at once are
not a thousand free ones, and what it did to the counters is taken back if it was right.

A counter forgets: from the moment its last lock ended, one attempt every ``Limit.forgets_every``.
So no lock lasts, and whoever stops guessing is as free as before after some hours at most.
"""

import hashlib
import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app import clock
from app.errors import TooManyRequests
from app.models import (
    CounterName,
    email_key,
    forget_counter,
    list_stale_counters,
    lock_counter,
    refund_counter,
    update_counter,
)
from app.usecases.work import unit_of_work


@dataclass(frozen=True, slots=True)
class Limit:
    """How much is free, how long a lock grows, and how fast the past is forgotten.

    Attributes:
        free_attempts: So many are not locked; the wait after the next is one second, and doubles
            with each further one.
        longest_lock: The wait grows no further.
        forgets_every: After each such span without a lock, one attempt less is remembered.
    """

    free_attempts: int
    longest_lock: timedelta
    forgets_every: timedelta

    def lock_after(self, attempts: int) -> timedelta:
        """Return the wait that so many remembered attempts cost."""
        if attempts <= self.free_attempts:
            return timedelta()
        doublings = min(attempts, self.ceiling) - self.free_attempts - 1
        return min(timedelta(seconds=2**doublings), self.longest_lock)

    @property
    def ceiling(self) -> int:
        """The attempts after which the lock is the longest; more are not remembered."""
        seconds = int(self.longest_lock.total_seconds())
        return self.free_attempts + 1 + (seconds - 1).bit_length()


GUESS_LIMIT: Final = Limit(5, timedelta(minutes=15), timedelta(minutes=30))
"""One account from one address: what a guesser meets first, and nobody elsewhere."""
ACCOUNT_LIMIT: Final = Limit(100, timedelta(minutes=1), timedelta(minutes=5))
"""One account from everywhere. Far higher: it can keep the owner waiting, too."""
ADDRESS_LIMIT: Final = Limit(50, timedelta(minutes=1), timedelta(seconds=20))
"""All accounts from one address, which many people share in an office or a mobile network."""
SIGN_UP_LIMIT: Final = Limit(50, timedelta(minutes=1), timedelta(seconds=20))
"""New accounts from one address, made or not: each costs a hash and tells of one e-mail."""

_REMEMBERED: Final = timedelta(days=1)
"""Longer than any limit takes to forget everything."""
_NEIGHBOURS: Final = 10


@dataclass(frozen=True, slots=True)
class Claim:
    """What one attempt did to one counter.

    Attributes:
        counter: Which one.
        locked_until: What it says since.
        before: What it would say without the attempt.
    """

    counter: CounterName
    locked_until: datetime
    before: datetime


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
    key, place = email_key(email), _place(address)
    guess = _name("guess", key, place)
    others: list[tuple[CounterName, Limit]] = [(user_id or _name("email", key), ACCOUNT_LIMIT)]
    if address is not None:
        others.append((_name("address", place), ADDRESS_LIMIT))
    # Always in this order, so that no two attempts wait for each other.
    *claims, last = _claim_all([*others, (guess, GUESS_LIMIT)])
    _forget_stale(guess)
    return Attempt(last, tuple(claims))


def claim_sign_up(address: str | None) -> None:
    """Count an attempt to make an account, successful or not.

    Raises:
        TooManyRequests: The address is locked; this attempt was not counted.
    """
    if address is None:
        return
    counter = _name("sign-up", _place(address))
    _claim_all([(counter, SIGN_UP_LIMIT)])
    _forget_stale(counter)


@unit_of_work
def forgive_attempt(attempt: Attempt) -> None:
    """Take back an attempt whose password was right, and all guesses at it from this address.

    The other counters get this one attempt back and no more: else whoever has one account could
    guess at all others from its address.
    """
    _refund(attempt.claims)
    update_counter(attempt.guess.counter, failed=0, locked_until=None)


@unit_of_work
def withdraw_attempt(attempt: Attempt) -> None:
    """Take back an attempt whose password was never compared."""
    _refund((*attempt.claims, attempt.guess))


def _refund(claims: tuple[Claim, ...]) -> None:
    for claim in claims:
        refund_counter(claim.counter, claimed=claim.locked_until, before=claim.before)


@unit_of_work
def _claim_all(limits: Sequence[tuple[CounterName, Limit]]) -> list[Claim]:
    """Count one attempt with every counter, or with none if one of them is locked."""
    return [_claim(name, limit) for name, limit in limits]


def _claim(name: CounterName, limit: Limit) -> Claim:
    """Count one attempt. ``locked_until`` says since when the counter forgets once it is past."""
    counter = lock_counter(name)
    now = clock.now()  # Asked after the wait for others who count, not before.
    since: datetime = counter["locked_until"] or now
    if since > now and counter["failed"] > limit.free_attempts:
        seconds = math.ceil((since - now).total_seconds())
        message = f"Too many attempts. Try again in {seconds} s."
        raise TooManyRequests("TOO_MANY_ATTEMPTS", message, retry_after=seconds)
    since = min(since, now)  # Another machine's clock may be ahead.
    forgotten = (now - since) // limit.forgets_every
    remembered = max(0, min(counter["failed"], limit.ceiling) - forgotten)
    before = since + forgotten * limit.forgets_every if remembered else now
    lock = limit.lock_after(remembered + 1)
    locked_until = now + lock if lock else before
    update_counter(name, failed=remembered + 1, locked_until=locked_until)
    return Claim(name, locked_until, before)


def _forget_stale(beside: str) -> None:
    before = clock.now() - _REMEMBERED
    # One by one: a unit that holds one row waits for nobody who waits for it.
    for name in list_stale_counters(beside=beside, before=before, limit=_NEIGHBOURS):
        _forget(name, before)


@unit_of_work
def _forget(name: str, before: datetime) -> None:
    forget_counter(name, before=before)


def _name(kind: str, *parts: str) -> str:
    """Name a counter without keeping the e-mail of nobody's account, or anybody's address."""
    return hashlib.sha256("\n".join((kind, *parts)).encode()).hexdigest()


def _place(address: str | None) -> str:
    """Return what all addresses of one customer share: IPv6 comes as whole /64 networks."""
    if address is None:
        return ""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
