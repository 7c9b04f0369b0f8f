"""Work that one does at a time, over all threads, processes and machines.

Who works holds a lease, and makes it last while it works. One that died lets it run out, and then
somebody else takes it. A lease is no lock: who was thought dead and comes back finds out when it
next makes its lease last. What must not happen twice needs a constraint of its own. Each machine
goes by its own clock: where they differ by more than a lease lasts, two may work at once.
"""

import threading
import time
from datetime import timedelta
from types import TracebackType
from typing import Final, Self
from uuid import UUID, uuid4

import structlog

from app import clock, deadline
from app.models import (
    claim_lease,
    delete_lease,
    extend_lease,
    get_lease,
)
from app.models import (
    release as give_connection_back,
)
from app.usecases.work import decided_unit_of_work
from bilayer.runtime.errors import DatabaseError

_RENEWALS: Final = 3
"""How often a lease is made to last before it would run out."""

log = structlog.get_logger(__name__)


@decided_unit_of_work
def acquire(name: str, holder: UUID, seconds: float) -> bool:
    """Take a lease unless somebody else has it; tell whether it is the holder's.

    Args:
        name: What is done.
        holder: An id that is made for this piece of work.
        seconds: How long the lease is good, if nothing more is heard.
    """
    now = clock.now()
    claim_lease(name, holder, at=now, until=now + timedelta(seconds=seconds))
    lease = get_lease(name)
    return lease is not None and lease["holder"] == holder


@decided_unit_of_work
def renew(name: str, holder: UUID, seconds: float) -> bool:
    """Make a lease last; tell whether it was still the holder's."""
    return extend_lease(name, holder, until=clock.now() + timedelta(seconds=seconds))


@decided_unit_of_work
def release(name: str, holder: UUID) -> None:
    """End a lease, unless somebody else has it."""
    delete_lease(name, holder)


def is_held(name: str) -> bool:
    """Tell whether somebody has a lease at the moment."""
    lease = get_lease(name)
    return lease is not None and lease["expires_at"] > clock.now()


class Lease:
    """A lease that a thread of its own makes last, until its ``with`` block ends.

    Args:
        name: What is done.
        seconds: After which somebody else does it, if this process has died.
    """

    def __init__(self, name: str, seconds: float) -> None:
        self._name = name
        self._seconds = seconds
        self._holder = uuid4()
        self._done = threading.Event()
        self.is_lost = False
        """Somebody else may have begun; it is time to stop."""

    def begin(self) -> bool:
        """Take the lease; tell whether nobody else has it."""
        self._renewed_at = time.monotonic()
        if not acquire(self._name, self._holder, self._seconds):
            return False
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # There is no room for one more: then it lasts as long as it does.
            log.warning("lease_not_renewed", kind="RuntimeError")
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        """Give the lease back; if that fails, it runs out."""
        self._done.set()
        if self._thread.is_alive():
            self._thread.join(deadline.remaining())
        try:
            release(self._name, self._holder)
        except DatabaseError as error:
            log.warning("lease_not_released", kind=type(error).__name__)

    def _keep(self) -> None:
        while not self._done.wait(self._seconds / _RENEWALS):
            tried_at = time.monotonic()
            try:
                with deadline.at_most(self._seconds):  # Later it helps nobody.
                    self.is_lost = not renew(self._name, self._holder, self._seconds)
                self._renewed_at = tried_at
            except DatabaseError as error:  # Perhaps there is time for another try.
                log.warning("lease_not_renewed", kind=type(error).__name__)
                self.is_lost = time.monotonic() - self._renewed_at >= self._seconds
            finally:
                give_connection_back()
            if self.is_lost:
                return
