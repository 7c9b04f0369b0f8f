"""``backend db copy`` and ``backend db diff``: from one database to another, of any engine."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

import click

from app.cli.edges import EXIT_CODES, FAILED, MISUSED, answer, as_json, end, told
from app.cli.progress import progress

if TYPE_CHECKING:
    from app.operations.transfer import Comparison, Difference

_STOPPED: Final = "Stopped. What was copied stays; --resume goes on with it."


@click.command(epilog=EXIT_CODES)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--resume", is_flag=True, help="Go on with a copy that ended early.")
@as_json
def copy(*, source: str, target: str, resume: bool, is_json: bool) -> None:
    """Copy every row of the database FROM into the empty database TO, as it is.

    Both are URLs, of any two engines, and migrated by `backend db upgrade`. FROM is only read. See
    docs/operations/copy.md for the steps before and after.

    \b
    Example:
      backend db copy sqlite:////data/app.db postgresql://owner@db/app
    """
    from app.operations import transfer  # noqa: PLC0415 - the whole runtime, for this command only

    began = time.monotonic()
    with (
        _refusing(_STOPPED),
        transfer.open_from(source) as here,
        transfer.open_to(target) as there,
    ):
        transfer.require_two(here, there)
        with progress("copied", is_silent=is_json) as news:
            tables = transfer.copy_tables(here, there, news, is_resumed=resume)
    rows, seconds = sum(tables.values()), time.monotonic() - began
    facts = {"rows": rows, "seconds": round(seconds, 3), "tables": tables}
    answer(is_json, facts, f"TO has all {rows:,} rows of FROM; it took {seconds:,.1f} s.")


@click.command(epilog=EXIT_CODES)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option(
    "--show",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="How many differences are listed.",
)
@as_json
def diff(*, source: str, target: str, show: int, is_json: bool) -> None:
    """Compare every row of two databases, of any two engines. Neither is changed.

    If they differ, the exit code is 1.

    \b
    Example:
      backend db diff sqlite:////data/app.db postgresql://owner@db/app
    """
    from app.operations import transfer  # noqa: PLC0415 - the whole runtime, for this command only

    with (
        _refusing("Stopped."),
        transfer.open_from(source) as here,
        transfer.open_from(target, "TO") as there,
    ):
        transfer.require_two(here, there)
        with progress("compared", is_silent=is_json) as news:
            found = transfer.compare_tables(here, there, news, shown=show)
    facts = {
        "is_equal": not found.differing,
        "differing": found.differing,
        "tables": {name: asdict(counts) for name, counts in found.tables.items()},
        "differences": [asdict(each) for each in found.differences],
    }
    answer(is_json, facts, lambda: "\n".join(_sentences(found)))
    if found.differing:
        raise SystemExit(FAILED)


@contextmanager
def _refusing(if_stopped: str) -> Iterator[None]:
    """Tell in a line what is wrong with one of the databases, or that somebody stopped it."""
    from app.operations.transfer import EndRefused  # noqa: PLC0415 - as above

    with told():
        try:
            yield
        except EndRefused as error:
            end(f"{error}.", MISUSED)
        except KeyboardInterrupt:
            end(if_stopped)


def _sentences(found: "Comparison") -> Iterator[str]:
    rows = sum(counts.here for counts in found.tables.values())
    yield from map(_sentence, found.differences)
    if not found.differing:
        yield f"0 differences in {rows:,} rows of {len(found.tables)} tables."
        return
    if found.is_cut:
        yield "..."
    yield f"{found.differing:,} rows differ, of {rows:,} in {len(found.tables)} tables."


def _sentence(one: "Difference") -> str:
    if one.column is None:
        return f"{one.table} ({one.key}): {'TO' if one.there is None else 'FROM'} lacks the row"
    here, there = (("nothing" if value is None else value) for value in (one.here, one.there))
    return f"{one.table} ({one.key}) {one.column}: {here} in FROM, {there} in TO"
