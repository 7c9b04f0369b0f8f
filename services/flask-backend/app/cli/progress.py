"""How far long work is, told on standard error: a bar on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from rich.progress import Progress

SECONDS_BETWEEN_LINES: Final = 5.0


class Silence:
    """Tells nobody."""

    def begin(self, rows: int) -> None:
        """Hear how many rows there are."""

    def advance(self, table: str, rows: int) -> None:
        """Hear that so many more rows of a table are done."""


class Lines:
    """Tells by a line every few seconds.

    Args:
        verb: What is done to the rows, as in "copied".
    """

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._total = self._done = 0
        self._told_at = time.monotonic()

    def begin(self, rows: int) -> None:
        """Hear how many rows there are."""
        self._total = rows

    def advance(self, table: str, rows: int) -> None:
        """Hear that so many more rows of a table are done."""
        self._done += rows
        now = time.monotonic()
        if now - self._told_at >= SECONDS_BETWEEN_LINES:
            self._told_at = now
            share = f"{self._done:,} of {self._total:,} rows"
            click.echo(f"{self._verb} {share} ({table})", err=True)


class Bar:
    """Tells by a bar.

    Args:
        progress: Where it is drawn.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def begin(self, rows: int) -> None:
        """Hear how many rows there are."""
        self._progress.update(self._task, total=rows)

    def advance(self, table: str, rows: int) -> None:
        """Hear that so many more rows of a table are done."""
        self._progress.update(self._task, advance=rows, description=table)


@contextmanager
def progress(verb: str, *, is_silent: bool) -> Iterator[Silence | Lines | Bar]:
    """Tell how far it is, in the way that suits where standard error goes."""
    if is_silent:
        yield Silence()
    elif not sys.stderr.isatty():
        yield Lines(verb)
    else:
        # ruff: disable[PLC0415] - the library is for terminals only
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        # ruff: enable[PLC0415]

        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        name = TextColumn("{task.description:<28}")
        with Progress(name, *columns, console=Console(stderr=True), transient=True) as drawn:
            yield Bar(drawn)
