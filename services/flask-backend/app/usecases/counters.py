"""Counters that cost those who try too often a wait, which grows, and that forget.

Every attempt is counted before it is carried out, so that a thousand at once are not a thousand
free ones. From the moment its last lock ended, a counter forgets one attempt every
``Limit.forgets_every``: no lock lasts, and whoever stops is as free as before after some hours at
most. What is counted, and how much of it is free, is said by whoever counts.
"""

import hashlib
import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from app import clock
from app.errors import TooManyRequests
from app.models import (
    CounterName,
    forget_counter,
    list_stale_counters,
    lock_counter,
    refund_counter,
    update_counter,
)
from app.usecases.work import unit_of_work

REMEMBERED: Final = timedelta(days=1)
"""Longer than any limit takes to forget everything."""
_NEIGHBOURS: Final = 10


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


@unit_of_work
def claim_all(limits: Sequence[tuple[CounterName, Limit]]) -> list[Claim]:
    """Count one attempt with every counter, or with none if one of them is locked.

    Raises:
        TooManyRequests: One of them is.
    """
    return [_claim(name, limit) for name, limit in limits]


def refund_claims(claims: Sequence[Claim]) -> None:
    """Take back what one attempt did. The caller is a unit of work."""
    for claim in claims:
        refund_counter(claim.counter, claimed=claim.locked_until, before=claim.before)


def forget_stale(beside: str) -> None:
    """Delete some counters that nobody has touched for long, next to the one at hand."""
    before = clock.now() - REMEMBERED
    # One by one: a unit that holds one row waits for nobody who waits for it.
    for name in list_stale_counters(beside=beside, before=before, limit=_NEIGHBOURS):
        _forget(name, before)


def name_counter(kind: str, *parts: str) -> str:
    """Name a counter without writing down the e-mail of nobody's account, or anybody's address.

    It is a digest without a key: whoever has the table and time can try them all.
    """
    return hashlib.sha256("\n".join((kind, *parts)).encode()).hexdigest()


def place_of(address: str | None) -> str:
    """Return what all addresses of one customer share: IPv6 comes as whole /64 networks."""
    if address is None:
        return ""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


@unit_of_work
def _forget(name: str, before: datetime) -> None:
    forget_counter(name, before=before)


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
