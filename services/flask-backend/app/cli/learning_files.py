"""``backend import drift|to-json|to-database``: learners' files beside the database."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import click

from app.cli.edges import (
    EXIT_CODES,
    FAILED,
    MISUSED,
    answer,
    as_json,
    connected,
    end,
    require_settings,
)
from app.cli.importing_edges import require_file, require_head
from app.config import Settings

_owner: Final = click.option("--owner", metavar="EMAIL", help="Only this account; an id will do.")
_force: Final = click.option(
    "--force", is_flag=True, help="Even over the side that counts, even by nothing."
)


@click.command(epilog="Exit codes: 0 done, both sides are alike; 1 they differ; 2 wrong use.")
@_owner
@as_json
def drift(*, owner: str | None, is_json: bool) -> None:
    """List each difference between the database and learners' files. Changes nothing.

    Shows table, id and column, and no value. In STORAGE_MODE=dual there is none, unless a process
    died between the two; `to-json` then makes the files what the database is.

    \b
    Example:
      backend import drift
      backend import drift --owner ada@example.com --json
    """
    from app.usecases.learning.comparing import Difference, compare_account  # noqa: PLC0415 - the whole runtime, for this command only

    found: list[Difference] = []
    with _switching() as (settings, root):
        owners = _owners(root, owner)
        refused = _each(owners, "Comparing", lambda one: found.extend(compare_account(root, one)))
    items = [
        {
            "user_id": str(one.user_id),
            "table": one.table,
            "id": one.id,
            "problem": one.problem,
            "column": one.column,
        }
        for one in found
    ]
    lines = [
        f"{one.user_id} {one.table} {one.id}: {one.column or ''} {one.problem}".replace(":  ", ": ")
        for one in found
    ]
    lines.append(f"{len(found)} differences in {len(owners)} accounts ({settings.storage_mode}).")
    facts = {"accounts": len(owners), "differences": items, "refused": refused}
    answer(is_json, facts, "\n".join(lines))
    _end(refused, is_clean=not found)


@click.command(epilog=EXIT_CODES)
@_owner
@_force
@as_json
def to_json(*, owner: str | None, force: bool, is_json: bool) -> None:
    """Write learners' files from the database: the way back to files, or to files that are right.

    An account of which the database has no learner keeps its files, unless with --force.

    \b
    Example:
      backend import to-json
      backend import to-json --owner ada@example.com
    """
    from app.usecases.learning.switching import copy_to_files  # noqa: PLC0415 - likewise

    with _switching() as (settings, root):
        if settings.storage_mode == "json" and not force:
            end("STORAGE_MODE=json: the files are what counts. Nothing was written.", MISUSED)
        owners = _owners(root, owner)
        refused = _each(
            owners, "Writing files", lambda one: copy_to_files(root, one, even_nothing=force)
        )
    done = len(owners) - len(refused)
    answer(is_json, {"accounts": done, "refused": refused}, f"{done} accounts are in {root}.")
    _end(refused)


@click.command(epilog=EXIT_CODES)
@_owner
@_force
@as_json
def to_database(*, owner: str | None, force: bool, is_json: bool) -> None:
    """Make the database what learners' files are, before it is what counts again.

    Rows that the files do not have are deleted, as by a device. Devices fetch the account anew.

    \b
    Example:
      backend import to-database
    """
    from app.usecases.learning.switching import copy_to_database  # noqa: PLC0415 - likewise

    written: list[int] = []
    with _switching() as (settings, root):
        if settings.storage_mode == "database" and not force:
            end("STORAGE_MODE=database: the database is what counts. Nothing was written.", MISUSED)
        owners = _owners(root, owner)
        refused = _each(
            owners,
            "Writing to the database",
            lambda one: written.append(copy_to_database(root, one)),
        )
    done, rows = len(owners) - len(refused), sum(written)
    text = f"The database has {done} accounts as their files have them; {rows} rows were not so."
    answer(is_json, {"accounts": done, "rows": rows, "refused": refused}, text)
    _end(refused)


def _owners(root: Path, owner: str | None) -> list[UUID]:
    from app.usecases.learning.comparing import list_owners  # noqa: PLC0415 - likewise
    from app.usecases.statements import require_account  # noqa: PLC0415 - likewise

    return list_owners(root) if owner is None else [require_account(owner)["id"]]


def _each(owners: list[UUID], label: str, work: Callable[[UUID], object]) -> list[str]:
    """Do something about each account; return a line for each that was refused."""
    from app.errors import AppError  # noqa: PLC0415 - likewise
    from app.usecases.learning.switching import NothingThere  # noqa: PLC0415 - likewise
    from bilayer.runtime.errors import (  # noqa: PLC0415 - likewise
        InvalidValue,
        StorageFailure,
        StorageFull,
    )

    refused = []
    is_hidden = not sys.stderr.isatty()
    with click.progressbar(owners, label=label, file=sys.stderr, hidden=is_hidden) as bar:
        for one in bar:
            try:
                work(one)
            except (AppError, NothingThere, InvalidValue, StorageFailure, StorageFull) as error:
                refused.append(str(error))
    return refused


def _end(refused: list[str], *, is_clean: bool = True) -> None:
    if refused:
        end("\n".join(refused))
    if not is_clean:
        raise SystemExit(FAILED)


@contextmanager
def _switching() -> Iterator[tuple[Settings, Path]]:
    from app.operations.storage import learning_folder, use_storage  # noqa: PLC0415 - likewise

    require_file(require_settings().url)
    with connected() as settings:
        use_storage(settings)
        require_head(settings)
        yield settings, learning_folder(settings)
