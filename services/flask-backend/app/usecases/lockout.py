"""How often one may try to sign in: each failure beyond the first few costs a longer wait.

An attempt is counted before the password is compared and taken back if it was right, so that
a thousand guesses at once are not a thousand free ones. A lock never lasts for ever.
"""

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app import clock
from app.errors import TooManyRequests
from app.models import (
    Row,
    email_key,
    lock_login,
    lock_login_attempt,
    refund_login_attempt,
    transaction,
    update_login,
    update_login_attempt,
)

LONGEST_LOCK: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Limit:
    """How much is free, and when the past is forgotten.

    Attributes:
        free_attempts: So many in a row are not locked; the wait after the next is one second, and
            doubles with each further one.
        memory: After so long without an attempt, counting begins anew.
    """

    free_attempts: int
    memory: timedelta


ACCOUNT_LIMIT: Final = Limit(free_attempts=5, memory=timedelta(days=1))
ADDRESS_LIMIT: Final = Limit(free_attempts=50, memory=timedelta(hours=1))
"""Many people share an address, in an office or behind a mobile network: it gets more."""


def claim_attempt(user_id: UUID | None, email: str) -> None:
    """Count an attempt on an account. An unknown e-mail is treated exactly as a known one.

    Args:
        user_id: The account with this e-mail, None if there is none.
        email: What was given as e-mail.

    Raises:
        TooManyRequests: The account or the e-mail is locked; this attempt was not counted.
    """
    with transaction():
        if user_id is not None:
            counted = _count(lock_login(user_id), ACCOUNT_LIMIT)
            update_login(user_id, **counted)
        else:
            key = _email_counter(email)
            counted = _count(lock_login_attempt(key), ACCOUNT_LIMIT)
            update_login_attempt(key, **counted)


def claim_attempt_from(address: str | None) -> None:
    """Count an attempt from a network address.

    Raises:
        TooManyRequests: The address is locked; this attempt was not counted.
    """
    if address is None:
        return
    with transaction():
        key = _address_counter(address)
        counted = _count(lock_login_attempt(key), ADDRESS_LIMIT)
        update_login_attempt(key, **counted)


def forgive_attempt(user_id: UUID, address: str | None) -> None:
    """Take back what was counted, because the password was right.

    The account begins anew. The address gets this one attempt back and no more: else whoever has
    one account could guess at all others from it.
    """
    update_login(user_id, failed=0, locked_until=None, last_login_at=clock.now())
    if address is not None:
        refund_login_attempt(_address_counter(address))


def _count(counter: Row, limit: Limit) -> Row:
    """Return the new state of a counter: ``locked_until`` also says when it was last used."""
    now = clock.now()
    last: datetime | None = counter["locked_until"]
    if last is not None and last > now:
        seconds = math.ceil((last - now).total_seconds())
        raise TooManyRequests(
            "TOO_MANY_ATTEMPTS",
            f"Too many attempts to sign in. Try again in {seconds} s.",
            retry_after=seconds,
        )
    is_forgotten = last is None or last < now - limit.memory
    failed = 1 if is_forgotten else counter["failed"] + 1
    return {"failed": failed, "locked_until": now + _lock_after(failed, limit)}


def _lock_after(failed: int, limit: Limit) -> timedelta:
    if failed <= limit.free_attempts:
        return timedelta()
    # Past the longest lock the power only grows without being used.
    doublings = min(failed - limit.free_attempts - 1, LONGEST_LOCK.seconds.bit_length())
    return min(timedelta(seconds=2**doublings), LONGEST_LOCK)


def _email_counter(email: str) -> str:
    """Name the counter of an unknown e-mail without keeping the e-mail of nobody's account."""
    return "email:" + hashlib.sha256(email_key(email).encode()).hexdigest()


def _address_counter(address: str) -> str:
    """Name the counter of an address. One customer gets a whole /64 of IPv6 addresses."""
    parsed = ipaddress.ip_address(address)
    if isinstance(parsed, ipaddress.IPv4Address):
        return f"address:{parsed}"
    if parsed.ipv4_mapped is not None:
        return f"address:{parsed.ipv4_mapped}"
    network = ipaddress.ip_network((parsed, 64), strict=False)
    return f"address:{network.network_address}"
