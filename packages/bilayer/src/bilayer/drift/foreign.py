"""A project's own code while it runs in this process: its models, its definitions.

What it prints is no part of a report, it cannot end the check without a word, and whoever waits
for it is told so.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import Final

PATIENCE: Final = 15
"""Seconds until it is said what is waited for; it is said again after as long, and twice that."""


class LeftEarly(SystemExit):
    """The code called ``os._exit``."""


@contextlib.contextmanager
def running(what: str) -> Iterator[None]:
    """Run foreign code.

    Args:
        what: What it is, for whoever waits for it.

    Raises:
        LeftEarly: It called ``os._exit``.
    """
    with contextlib.redirect_stdout(sys.stderr), _stays(), _telling(what):
        yield


@contextlib.contextmanager
def _stays() -> Iterator[None]:
    """Let ``os._exit`` raise: an exit code of the code's own would be taken for the check's."""
    leave, here = os._exit, os.getpid()

    def refuse(status: int) -> None:
        if os.getpid() != here:
            leave(status)  # A child of the code's own ends as it likes.
        raise LeftEarly(f"it called os._exit({status})")

    os._exit = refuse  # type: ignore[assignment]  # it does not return either
    try:
        yield
    finally:
        os._exit = leave


@contextlib.contextmanager
def _telling(what: str) -> Iterator[None]:
    """Say what is waited for, as long as it lasts."""
    done = threading.Event()

    def tell() -> None:
        wait = waited = PATIENCE
        while not done.wait(wait):
            line = f"bilayer: still waiting for {what} after {waited} seconds; Ctrl-C ends it"
            print(line, file=sys.__stderr__, flush=True)
            wait, waited = waited, waited * 2

    teller = threading.Thread(target=tell, name="bilayer-waiting", daemon=True)
    teller.start()
    try:
        yield
    finally:
        done.set()
        teller.join()
