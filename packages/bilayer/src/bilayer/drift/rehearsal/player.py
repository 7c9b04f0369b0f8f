"""A database whose revisions are run one by one, by a confined child process.

Runs what it is told; reads nothing but what the child tells of its own work.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import json
import queue
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any, Final, TextIO

import sqlalchemy as sa
from alembic.config import Config

from bilayer.drift.readers.migrations import ReplayFailed, conversing, explain_end
from bilayer.drift.snapshot import Place

_TIMEOUT_SECONDS: Final = 3600
_LISTENING_SECONDS: Final = 5
_MODULE: Final = "bilayer.drift.rehearsal.child"


@dataclasses.dataclass(frozen=True, slots=True)
class Ran:
    """What came of running revisions.

    Attributes:
        error: Why they failed; None if they did not.
        code: The engine's own code of the error.
        writes: The tables whose rows a statement wrote.
        locks: Table and mode of each lock their transactions held at the end (PostgreSQL).
        version_tables: Where Alembic keeps the revision.
    """

    seconds: float
    error: str | None = None
    place: Place | None = None
    code: str = ""
    writes: tuple[str, ...] = ()
    locks: tuple[tuple[str, str], ...] = ()
    version_tables: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """A revision: its file, its predecessors, and where its downgrade stands."""

    revision: str
    path: str
    down: tuple[str, ...]
    downgrade_line: int
    has_downgrade: bool


class Player:
    """The child that runs revisions in one database.

    Attributes:
        url: The scratch database.
        steps: All revisions, oldest first.
    """

    def __init__(self, url: sa.URL, child: subprocess.Popen[str], orders: TextIO) -> None:
        self.url = url
        self._child = child
        self._orders = orders
        self._lines: queue.Queue[str] = queue.Queue()
        self._running: str | None = None
        self._said: collections.deque[str] = collections.deque(maxlen=20)
        self._listener = _start_reading(child.stderr, self._said.append)
        _start_reading(child.stdout, self._lines.put)
        told = self._hear()
        known = {each["revision"]: each for each in told["revisions"]}
        self.steps = tuple(
            Step(
                each,
                known[each]["path"],
                tuple(known[each]["down"]),
                *told["downgrades"].get(each, (1, True)),
            )
            for each in told["order"]
            if each in known
        )

    def run(self, revisions: Sequence[str], *, is_upgrade: bool = True) -> Ran:
        """Run revisions, up or down; an error is told, not raised.

        Raises:
            ReplayFailed: The child died, or env.py fails.
        """
        order = {"revisions": list(revisions), "is_upgrade": is_upgrade}
        with contextlib.suppress(BrokenPipeError):
            self._orders.write(json.dumps(order) + "\n")
            self._orders.flush()
        told = self._hear()
        if told.get("error") and not told["is_begun"]:
            raise ReplayFailed(f"env.py did not come to the revisions: {told['error']}")
        place = told.get("place")
        return Ran(
            seconds=told["seconds"],
            error=told.get("error"),
            place=Place(place[0], place[1]) if place else None,
            code=told.get("code", ""),
            writes=tuple(told["writes"]),
            locks=tuple((table, mode) for table, mode in told["locks"]),
            version_tables=tuple(told["version_tables"]),
        )

    def _hear(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=_TIMEOUT_SECONDS)
        except queue.Empty:
            message = f"a revision took more than {_TIMEOUT_SECONDS} seconds"
            raise ReplayFailed(message) from None
        told: dict[str, Any] = json.loads(line) if line else {}
        if "running" in told:
            self._running = told["running"]
            return self._hear()
        if "order" in told or "seconds" in told:
            return told
        raise ReplayFailed(f"the migrations could not be run: {told.get('error') or self._end()}")

    def _end(self) -> str:
        code = self._child.wait()
        # What it said last may still be on its way; who holds its end open is not waited for.
        self._listener.join(_LISTENING_SECONDS)
        return explain_end(code, self._running, "".join(self._said))


@contextlib.contextmanager
def playing(config: Config, url: sa.URL) -> Iterator[Player]:
    """Start a child for a scratch database; end it afterwards.

    Args:
        config: The project's Alembic configuration.
        url: The only database the child can reach.

    Raises:
        ReplayFailed: The revisions cannot be listed, or the child cannot be started.
    """
    with conversing(config, url, _MODULE, {}) as (child, orders):
        yield Player(url, child, orders)


def _start_reading(stream: IO[str] | None, take: Callable[[str], object]) -> threading.Thread:
    """Take every line, so that a project that says much does not wait to be heard."""

    def read() -> None:
        for line in stream or ():
            take(line)
        take("")

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    return reader
