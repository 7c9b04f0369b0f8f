"""Real threads for tests of what happens at once. Knows nothing of what they do."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from app.models import release
from bilayer.runtime.errors import PoolTimeout

Result = TypeVar("Result")
_TIMEOUT_SECONDS = 60


def run_together(actions: Sequence[Callable[[], Result]]) -> list[Result | Exception]:
    """Run each action in a thread of its own, let go at the same moment.

    Returns:
        What each returned or raised, in the order of the actions.
    """
    gate = threading.Barrier(len(actions))

    def run(action: Callable[[], Result]) -> Result:
        gate.wait(_TIMEOUT_SECONDS)
        return released(action)

    with ThreadPoolExecutor(len(actions)) as pool:
        futures = [pool.submit(run, action) for action in actions]
        return [_outcome(future.result, future.exception) for future in futures]


def released(action: Callable[[], Result]) -> Result:
    """Run an action in this thread, and give the thread's connection back."""
    try:
        return action()
    finally:
        release()


def insist(action: Callable[[], Result]) -> Callable[[], Result]:
    """Let an action that finds no connection come again, as clients are told to."""

    def insistent() -> Result:
        while True:
            try:
                return action()
            except PoolTimeout:
                continue

    return insistent


def wait_until(condition: Callable[[], object]) -> None:
    """Wait for what other threads or processes do.

    Raises:
        TimeoutError: It has not come true.
    """
    limit = time.monotonic() + _TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > limit:
            raise TimeoutError
        time.sleep(0.01)


def _outcome(
    result: Callable[[float], Result], exception: Callable[[float], BaseException | None]
) -> Result | Exception:
    error = exception(_TIMEOUT_SECONDS)
    if error is None:
        return result(_TIMEOUT_SECONDS)
    if isinstance(error, Exception):
        return error
    raise error
