"""``backend privacy``: what people are owed about their data, done by an operator."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from uuid import UUID

import click

from app.cli.edges import EXIT_CODES, answer, as_json, end, require_settings, told
from app.errors import AppError

if TYPE_CHECKING:
    from app.models import Row

_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PAGE: Final = 200


@click.group(epilog=EXIT_CODES)
def privacy() -> None:
    """Give people their data, and forget them; see docs/operations/privacy.md.

    \b
    Example:
      backend privacy export ada@example.com --output ada.json
      backend privacy erasures --json
    """


@privacy.command(epilog=EXIT_CODES)
@click.argument("user")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file for it, which its owner alone can read; else it is printed.",
)
def export(*, user: str, output: Path | None) -> None:
    """Write everything about USER, an id or an e-mail, as one JSON document.

    One that is cut, by whatever failed, does not end and is no JSON. There is no limit of time.

    \b
    Example:
      backend privacy export ada@example.com --output ada.json
    """
    from app import clock  # noqa: PLC0415 - the whole runtime, for this command only
    from app.usecases.export import export_account  # noqa: PLC0415 - likewise
    from app.usecases.statements import require_account  # noqa: PLC0415 - likewise

    with _connected():
        user_id = require_account(user)["id"]
        with closing(export_account(user_id, clock.now())) as pieces, _opened(output) as file:
            file.writelines(pieces)
    if output:
        click.echo(f"Wrote {output}.", err=True)


@privacy.command(epilog=EXIT_CODES)
@click.argument("user", required=False)
@click.option("--again", is_flag=True, help="Everybody who was erased, after a restore.")
@click.option(
    "--ids",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --again: also those whose ids are in this file, as `erasures --json` wrote it.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def erase(*, user: str | None, again: bool, ids: Path | None, yes: bool, is_json: bool) -> None:
    """Forget USER, an id or an e-mail, at once and for good.

    \b
    Example:
      backend privacy erase ada@example.com
      backend privacy erase --again --ids erasures.json
    """
    from app.usecases.erasure import erase_account  # noqa: PLC0415 - likewise
    from app.usecases.statements import require_account  # noqa: PLC0415 - likewise

    if bool(user) == again or (ids and not again):
        raise click.UsageError("name one USER, or --again, with --ids or without.")
    if again:
        _erase_again(ids, is_json=is_json)
        return
    with _connected():
        user_id = require_account(user or "")["id"]
        if not yes:
            click.confirm(f"Erase {user}? Nothing brings them back.", abort=True, err=True)
        row = erase_account(user_id)
    answer(is_json, _facts(row), f"Erased {user_id}.")


@privacy.command(epilog=EXIT_CODES)
@as_json
def erasures(*, is_json: bool) -> None:
    """List who was erased, by id, and when.

    Keep the list with each backup: whoever is erased later is in the backup still.

    \b
    Example:
      backend privacy erasures --json > erasures.json
    """
    with _connected():
        rows = [_facts(row) for row in _all_erasures()]
    lines = (f"{row['user_id']}  {row['erased_at']}  {row['finished_at'] or '-'}" for row in rows)
    answer(is_json, {"erasures": rows}, "\n".join(lines) or "Nobody was erased.")


def _erase_again(path: Path | None, *, is_json: bool) -> None:
    from app.errors import NotFound  # noqa: PLC0415 - likewise
    from app.usecases.erasure import erase_account  # noqa: PLC0415 - likewise

    erased, unknown, refused = 0, 0, []
    with _connected():
        ids = [row["user_id"] for row in _all_erasures()]
        for user_id in dict.fromkeys([*ids, *(_ids_in(path) if path else [])]):
            try:
                erase_account(user_id)
                erased += 1
            except NotFound:
                unknown += 1  # The backup is from before they came.
            except AppError as error:
                refused.append(f"{user_id}: {error.message}")
    facts = {"erased": erased, "unknown": unknown, "refused": refused}
    answer(is_json, facts, f"Erased {erased} again; {unknown} are not in this database.")
    if refused:
        end("\n".join(refused))


def _all_erasures() -> Iterator["Row"]:
    from app.usecases.erasure import list_erasures  # noqa: PLC0415 - likewise

    after: UUID | None = None
    while rows := list_erasures(after=after, limit=_PAGE):
        yield from rows
        after = rows[-1]["user_id"]


def _ids_in(path: Path) -> list[UUID]:
    """Return every id that a file names, in whatever form."""
    try:
        return [UUID(text) for text in _UUID.findall(path.read_text(encoding="utf-8"))]
    except (OSError, UnicodeDecodeError) as error:
        end(f"{path} cannot be read: {type(error).__name__}")


def _facts(row: "Row") -> dict[str, Any]:
    finished = row["finished_at"]
    return {
        "user_id": str(row["user_id"]),
        "erased_at": row["erased_at"].isoformat(),
        "finished_at": finished and finished.isoformat(),
    }


@contextmanager
def _opened(path: Path | None) -> Iterator[IO[bytes]]:
    if path is None:
        yield sys.stdout.buffer
        return
    try:
        file = open(path, "xb", opener=_private)  # noqa: SIM115 - closed below
    except OSError as error:
        end(f"{path} cannot be written: {error.strerror}")
    with file:
        yield file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


@contextmanager
def _connected() -> Iterator[None]:
    from app.models import close_db, init_db  # noqa: PLC0415 - likewise
    from app.operations.storage import use_storage  # noqa: PLC0415 - likewise

    settings = require_settings()
    init_db(settings)
    use_storage(settings)
    with told():
        try:
            yield
        finally:
            close_db()
