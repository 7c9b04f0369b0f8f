"""Whether this service can answer: its database, the database's revision, and its own end.

Answers nobody itself; ``app.api.probes`` and ``backend serve`` do. States are values, because a
database that is down is a finding here and no exception.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

from alembic.config import Config
from alembic.script import ScriptDirectory

from app import clock, deadline
from app.config import ALEMBIC_INI
from app.metrics import record_state, record_verified_backup
from app.models import (
    get_last_verified_backup,
    hasten_probe,
    is_circuit_open,
    is_read_only,
    list_revisions,
)
from bilayer.runtime.errors import DatabaseError, PoolTimeout, StorageFailure, StorageFull

HEALTH: Final = "health"
"""Where ``create_app`` keeps the ``Health`` of this process, in Flask's extensions."""

CACHED_SECONDS: Final = 1.0
PROBE_SECONDS: Final = 2.0
"""Who asks whether this service is ready does not wait long for the answer."""
BACKUP_SECONDS: Final = 60.0
TROUBLE_SECONDS: Final = 60.0
"""How long a failure of the storage is told, which nothing but a write can find."""


class State(StrEnum):
    """What ``/readyz`` says. The first three are reasons not to send requests here."""

    DRAINING = "draining"
    DATABASE_UNAVAILABLE = "database_unavailable"
    SCHEMA_BEHIND = "schema_behind"
    SCHEMA_AHEAD = "schema_ahead"
    POOL_FULL = "pool_full"
    STORAGE_FAILED = "storage_failed"
    STORAGE_FULL = "storage_full"
    READ_ONLY = "read_only"
    BACKUP_OVERDUE = "backup_overdue"
    READY = "ready"

    @property
    def is_ready(self) -> bool:
        """Whether requests can be served in this state."""
        return self not in (State.DRAINING, State.DATABASE_UNAVAILABLE, State.SCHEMA_BEHIND)


class BackupWatch:
    """How old the newest backup is that was verified, asked for once a minute.

    Args:
        longest: How old it may be, if anybody minds.

    Attributes:
        made_at: When it was made; None if there is none, or nobody has asked.
    """

    def __init__(self, longest: timedelta | None = None) -> None:
        self._longest = longest
        self._known_until = 0.0
        self.made_at: datetime | None = None

    @property
    def is_minded(self) -> bool:
        """Whether it is said how old it may be."""
        return self._longest is not None

    def is_overdue(self) -> bool:
        """Tell whether it is too old; what was known holds while the database does not answer."""
        if time.monotonic() >= self._known_until:
            self._look()
        if self._longest is None:
            return False
        return self.made_at is None or clock.now() - self.made_at > self._longest

    def _look(self) -> None:
        try:
            with deadline.at_most(PROBE_SECONDS):
                backup = get_last_verified_backup()
        except DatabaseError:
            return
        self.made_at = backup["created_at"] if backup else None
        record_verified_backup(self.made_at.timestamp() if self.made_at else 0)
        self._known_until = time.monotonic() + BACKUP_SECONDS


class Health:
    """The state of this process, asked for at most once a second.

    Args:
        probe: Asks the database.
        backups: Knows how old the last backup is.
    """

    def __init__(self, probe: Callable[[], State], backups: BackupWatch | None = None) -> None:
        self._probe = probe
        self.backups = backups
        self._lock = threading.Lock()
        self._state: State | None = None
        self._known_until = 0.0
        self._is_draining = False
        self._trouble: State | None = None
        self._trouble_until = 0.0

    def drain(self) -> None:
        """Say from now on that no request should come here any more. For signal handlers, too."""
        self._is_draining = True

    def note(self, error: DatabaseError) -> None:
        """Remember for a while what a request has found out about the database's storage."""
        trouble = next(
            (state for kind, state in _TROUBLES.items() if isinstance(error, kind)), None
        )
        if trouble is not None:
            self._trouble, self._trouble_until = trouble, time.monotonic() + TROUBLE_SECONDS

    def state(self) -> State:
        """Return the state, at most ``CACHED_SECONDS`` old.

        While one thread asks a database that is slow to answer, the others do not wait with it:
        they say what was known before.
        """
        if self._is_draining:
            record_state(State.DRAINING, State)
            return State.DRAINING
        known = self._state
        if known is not None and (self._is_fresh() or self._lock.locked()):
            return known
        with self._lock:
            if self._state is None or not self._is_fresh():
                self._state = self._ask()
                record_state(self._state, State)
                self._known_until = time.monotonic() + CACHED_SECONDS
            return self._state

    def _is_fresh(self) -> bool:
        """Whether what is known still holds: others may have lost the database meanwhile."""
        is_outdated = self._state is not State.DATABASE_UNAVAILABLE and is_circuit_open()
        return time.monotonic() < self._known_until and not is_outdated

    def _ask(self) -> State:
        state = self._probe()
        if state is State.READY and self._trouble and time.monotonic() < self._trouble_until:
            return self._trouble
        if state is State.READY and self.backups is not None and self.backups.is_overdue():
            return State.BACKUP_OVERDUE
        return state


_TROUBLES: Final[dict[type[DatabaseError], State]] = {
    StorageFailure: State.STORAGE_FAILED,
    StorageFull: State.STORAGE_FULL,
}


def probe_database() -> State:
    """Ask the database what it can do at this moment, also while nobody else may.

    So whoever looks once a second whether this service is ready also ends an open circuit.
    """
    hasten_probe()
    try:
        with deadline.at_most(PROBE_SECONDS):
            revisions = set(list_revisions())
            read_only = is_read_only()
    except PoolTimeout:
        return State.POOL_FULL
    except DatabaseError:
        return State.DATABASE_UNAVAILABLE
    head, known = known_revisions()
    if not revisions <= known:
        return State.SCHEMA_AHEAD
    if head not in revisions:
        return State.SCHEMA_BEHIND
    return State.READ_ONLY if read_only else State.READY


@cache
def known_revisions() -> tuple[str, frozenset[str]]:
    """Return the head of the migrations this code came with, and all of their ids."""
    scripts = ScriptDirectory.from_config(Config(ALEMBIC_INI))
    known = frozenset(script.revision for script in scripts.walk_revisions())
    head = scripts.get_current_head()
    if head is None:
        raise RuntimeError(f"no migrations beside {ALEMBIC_INI}")
    return head, known
