"""One import of an account at a time, over all processes and machines."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from app.models import get_lease
from app.operations.importer.refusals import Refused
from app.usecases.leases import Lease

SECONDS: Final = 9.0
"""After which the import of a process that died may be gone on with."""
_POLL_SECONDS: Final = 0.2


@contextmanager
def only_import(user_id: UUID, say: Callable[[str], None]) -> Iterator[Lease]:
    """Let nobody else import for an account until the block ends.

    Whoever has begun and died has its lease still, and does not make it last: that is waited for.

    Args:
        user_id: For whom.
        say: Takes a sentence for people who wait.

    Raises:
        Refused: Somebody else is at it.
    """
    name = f"import:{user_id}"
    lease = Lease(name, SECONDS)
    if not lease.begin():
        say(f"Somebody else imports for this account, or has died: waiting up to {SECONDS:.0f} s.")
        _await(lease, name)
    with lease:
        yield lease


def require_turn(lease: Lease) -> None:
    """Stop before somebody else's work is disturbed.

    Raises:
        Refused: The lease is lost.
    """
    if lease.is_lost:
        raise Refused("This import was taken for dead, and somebody else may go on. Run it again.")


def _await(lease: Lease, name: str) -> None:
    """Take the lease once it has run out, unless somebody makes it last."""
    first = get_lease(name)
    while not lease.begin():
        found = get_lease(name)
        if first and found and found != first:
            raise Refused("Another import for this account is running. Wait for its end.")
        time.sleep(_POLL_SECONDS)
