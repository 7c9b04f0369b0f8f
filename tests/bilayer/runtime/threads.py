"""Threads that share one database in tests. Knows nothing of what they do with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from bilayer.runtime import Database, DatabaseError

Result = TypeVar("Result")
WAIT_SECONDS: Final = 60


def in_thread(database: Database, action: Callable[[], Result]) -> Result:
    """Run an action in a thread of its own."""
    (result,) = run_together(database, [action])
    return result


def run_together(database: Database, actions: Sequence[Callable[[], Result]]) -> list[Result]:
    """Run each action in a thread of its own, let go at the same moment; give their results.

    The threads give their connections back. Raises the first error that an action raised.
    """
    gate = threading.Barrier(len(actions))

    def run(action: Callable[[], Result]) -> Result:
        gate.wait(WAIT_SECONDS)
        try:
            return action()
        finally:
            database.release()

    with ThreadPoolExecutor(len(actions)) as pool:
        futures = [pool.submit(run, action) for action in actions]
        return [future.result(WAIT_SECONDS) for future in futures]


def outcome(action: Callable[[], Result]) -> Callable[[], Result | DatabaseError]:
    """Make the action that returns an error of the database instead of raising it."""

    def run() -> Result | DatabaseError:
        try:
            return action()
        except DatabaseError as error:
            return error

    return run


@contextmanager
def other_thread(
    database: Database, work: Callable[[], Any], *, transaction: bool = True
) -> Iterator[threading.Event]:
    """Let another thread work, and keep its connection (and transaction) while the block runs.

    Gives the event that lets it end early.
    """
    ready, done = threading.Event(), threading.Event()

    def hold() -> None:
        work()
        ready.set()
        done.wait(WAIT_SECONDS)

    def run() -> None:
        try:
            if transaction:
                with database.transaction():
                    hold()
            else:
                hold()
        finally:
            ready.set()
            database.release()

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run)
        ready.wait(WAIT_SECONDS)
        try:
            yield done
        finally:
            done.set()
        future.result(WAIT_SECONDS)
