"""Writers and readers in threads, until time is up; then who has seen what."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from secrets import SystemRandom
from types import TracebackType
from typing import Final, Self
from uuid import UUID

from app.models import release
from app.usecases.sync.torture.accounts import borrowed_accounts
from app.usecases.sync.torture.changes import Tally
from app.usecases.sync.torture.readers import (
    Fault,
    Fetch,
    Reader,
    fetch_by_time,
    fetch_by_version,
)
from app.usecases.sync.torture.writers import Undone, Writer
from bilayer.runtime.errors import Deadlock, LockTimeout, PoolTimeout, SerializationFailure

MAX_READERS: Final = 4
_LONGEST_PAUSE: Final = 0.005
_TELL_EVERY: Final = 5.0
_NOT_COMMITTED: Final = (Undone, Deadlock, LockTimeout, PoolTimeout, SerializationFailure)


class Cursor(StrEnum):
    """By what readers know where they are."""

    VERSION = "version"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked for.

    Attributes:
        writers: How many write at once.
        users: How many accounts they write to.
        seconds: For how long.
        cursor: By what readers know where they are.
        fault: What readers do wrong.
    """

    writers: int
    users: int
    seconds: float
    cursor: Cursor
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it.

    Attributes:
        written: How many changes were committed.
        lost: How many of them no reader knows.
        repeated: How many a reader was given again.
        seconds: How long it took.
    """

    written: int
    lost: int
    repeated: int
    seconds: float


class Crew:
    """Threads that do something again and again, each its own, until the block ends."""

    def __init__(self, actions: Sequence[Callable[[], None]], is_over: threading.Event) -> None:
        self._is_done = threading.Event()
        self._is_over = is_over
        self._threads = [threading.Thread(target=self._repeat, args=(one,)) for one in actions]
        self._failures: list[BaseException] = []

    def __enter__(self) -> Self:
        """Let them begin."""
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:  # interrupted: those that have begun would go on for ever
            self._stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop them, and raise what one of them has met."""
        self._stop()
        if self._failures and error is None:
            raise self._failures[0]

    def _stop(self) -> None:
        self._is_done.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _repeat(self, action: Callable[[], None]) -> None:
        try:
            while not self._is_done.is_set():
                action()
                release()
        except Exception as failure:  # noqa: BLE001 - raised again by whoever has started the thread
            self._failures.append(failure)
            self._is_over.set()
        finally:
            release()


def run_race(plan: Plan, tell: Callable[[str], object]) -> Outcome:
    """Write and read at once, and compare.

    Args:
        plan: What is asked for.
        tell: Is told now and then how far it is.
    """
    begun, tally, is_over = time.monotonic(), Tally(), threading.Event()
    with borrowed_accounts(plan.users) as user_ids:
        shares = [user_ids[first::MAX_READERS] for first in range(min(plan.users, MAX_READERS))]
        readers = [(_new_reader(plan), share) for share in shares]
        reading = [_reading(reader, share, tally) for reader, share in readers]
        writing = [_writing(plan, user_ids, tally) for _ in range(plan.writers)]
        with Crew(reading, is_over), Crew(writing, is_over):
            _wait(plan.seconds, tally, is_over, tell)
        for read_to_the_end in reading:
            read_to_the_end()
        seconds = round(time.monotonic() - begun, 1)
        tell("Removing the accounts of this run.")
    return Outcome(tally.written, tally.lost(), tally.repeated, seconds)


def _wait(
    seconds: float, tally: Tally, is_over: threading.Event, tell: Callable[[str], object]
) -> None:
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not is_over.wait(min(left, _TELL_EVERY)):
        tell(f"Changes so far: {tally.written}")


def _new_reader(plan: Plan) -> Reader:
    return Reader(_FETCHES[plan.cursor], SystemRandom(), plan.fault)


def _reading(reader: Reader, user_ids: Sequence[UUID], tally: Tally) -> Callable[[], None]:
    def read() -> None:
        for user_id in user_ids:
            for changes in reader.read(user_id):
                tally.note_delivered(changes)
        release()
        time.sleep(reader.dice.uniform(0, _LONGEST_PAUSE))

    return read


def _writing(plan: Plan, user_ids: Sequence[UUID], tally: Tally) -> Callable[[], None]:
    writer = Writer(SystemRandom())
    write = writer.write if plan.cursor is Cursor.VERSION else writer.write_by_time

    def write_once() -> None:
        try:
            tally.note_committed(write(writer.dice.choice(user_ids)))
        except _NOT_COMMITTED:
            return

    return write_once


_FETCHES: Final[dict[Cursor, Fetch]] = {
    Cursor.VERSION: fetch_by_version,
    Cursor.TIMESTAMP: fetch_by_time,
}
