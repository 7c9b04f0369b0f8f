"""``backend audit``: what was changed and by whom, and whether anybody has changed that."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import click

from app.cli.balances import plain
from app.cli.edges import EXIT_CODES, FAILED, MISUSED, answer, as_json, connected, end

if TYPE_CHECKING:
    from app.usecases.audit import Head
    from app.usecases.audit_proof import Proof

_HEAD: Final = re.compile(r"(\d{1,18}):([0-9a-f]{64})", re.ASCII)
_SHOWN: Final = 20
_LINE: Final = "{changed_at}  {changed_by}  {action} {table_name} {record_id!r} of {user_id}"


@click.group(epilog=EXIT_CODES)
def audit() -> None:
    """Look at what was changed and by whom; see docs/operations/audit.md.

    \b
    Example:
      backend audit list --table users --owner ada@example.com
      backend audit verify
    """


@audit.command(name="list", epilog=EXIT_CODES)
@click.option("--table", help="Only in this table.")
@click.option("--record", help="Only this row of it, by its id.")
@click.option("--person", help="Only by this account, an id or an e-mail, or `system`.")
@click.option("--owner", help="Only rows of this account, an id or an e-mail.")
@click.option("--action", type=click.Choice(["insert", "update", "delete"]), help="Only these.")
@click.option("--since", type=click.DateTime(), help="The earliest time, in UTC.")
@click.option("--until", type=click.DateTime(), help="The latest time, in UTC.")
@click.option(
    "--limit",
    type=click.IntRange(1, 10_000),
    default=_SHOWN,
    show_default=True,
    help="How many at most.",
)
@as_json
def list_command(
    *,
    table: str | None,
    record: str | None,
    person: str | None,
    owner: str | None,
    action: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    is_json: bool,
) -> None:
    """List changes, newest first. With --json with the values.

    \b
    Example:
      backend audit list --person ada@example.com --since 2026-11-01
      backend audit list --table transactions --json
    """
    from app.usecases.audit import list_changes  # noqa: PLC0415 - the whole runtime, for this command only

    if record and not table:
        raise click.UsageError("--record needs --table.")
    with connected():
        rows = list_changes(
            table=table,
            record=record,
            actors=_actors(person) if person else (),
            owner=_account(owner) if owner else None,
            action=action,
            start_date=since and since.replace(tzinfo=UTC),
            end_date=until and until.replace(tzinfo=UTC),
            limit=limit,
        )
    hidden = ("salt", "values_digest")
    changes = [
        plain({name: value for name, value in row.items() if name not in hidden}) for row in rows
    ]
    lines = (_LINE.format_map(change) for change in changes)
    answer(is_json, {"changes": changes}, "\n".join(lines) or "Nothing was changed.")


@audit.command(epilog=EXIT_CODES)
@as_json
def seal(*, is_json: bool) -> None:
    """Seal what was changed more than ten seconds ago; `backend maintenance run` does it.

    \b
    Example:
      backend audit seal
    """
    from app import clock  # noqa: PLC0415 - likewise
    from app.usecases import audit as log  # noqa: PLC0415 - likewise

    with connected():
        blocks = list(log.seal(clock.now()))
        head = log.get_head()
    facts = {"rows": sum(blocks), "blocks": len(blocks), "head": str(head)}
    answer(is_json, facts, f"Sealed {facts['rows']} rows in {facts['blocks']} blocks. Head: {head}")


@audit.command(epilog=EXIT_CODES)
@as_json
def head(*, is_json: bool) -> None:
    """Show the last block: note it where nobody who can write the database can write.

    \b
    Example:
      backend audit head
    """
    from app.usecases.audit import get_head  # noqa: PLC0415 - likewise

    with connected():
        found = get_head()
    answer(is_json, {"number": found.number, "hash": found.hash}, str(found))


@audit.command(epilog=EXIT_CODES)
@click.option("--head", "noted", metavar="NUMBER:HASH", help="A head that was noted elsewhere.")
@as_json
def verify(*, noted: str | None, is_json: bool) -> None:
    """Look at every block and every row, and name the first that somebody changed: exit code 1.

    \b
    Example:
      backend audit verify
      backend audit verify --json
    """
    from app.usecases import audit_proof  # noqa: PLC0415 - likewise

    wanted = _read_head(noted) if noted else None
    with connected():
        proof = audit_proof.verify(wanted, _reporting(is_silent=is_json))
    answer(is_json, _facts(proof), proof.flaw.message if proof.flaw else _sentence(proof))
    if proof.flaw:
        raise SystemExit(FAILED)


def _facts(proof: "Proof") -> dict[str, Any]:
    flaw = proof.flaw
    return {
        "is_whole": flaw is None,
        "head": str(proof.head),
        "sealed": proof.sealed,
        "unsealed": proof.unsealed,
        "flaw": flaw
        and {
            "code": flaw.code,
            "message": flaw.message,
            "block": flaw.block,
            "user_id": str(flaw.key[0]) if flaw.key else None,
            "id": str(flaw.key[1]) if flaw.key else None,
        },
    }


def _sentence(proof: "Proof") -> str:
    return (
        f"Nobody has changed the log: {proof.sealed} rows in {proof.head.number} blocks, and"
        f" {proof.unsealed} that are not sealed yet. Head: {proof.head}"
    )


def _reporting(*, is_silent: bool) -> Callable[[int], None]:
    """Show on a terminal how many rows were looked at."""

    def report(rows: int) -> None:
        if not is_silent and sys.stderr.isatty():
            click.echo(f"\r{rows} rows", nl=False, err=True)

    return report


def _read_head(text: str) -> "Head":
    from app.usecases.audit import Head  # noqa: PLC0415 - likewise

    found = _HEAD.fullmatch(text)
    if not found:
        end("A head is NUMBER:HASH, as `backend audit head` prints it.", MISUSED)
    return Head(int(found[1]), found[2])


def _actors(person: str) -> tuple[str, ...]:
    from app.usecases.audit import actors_of  # noqa: PLC0415 - likewise

    is_named = person == "system" or ":" in person
    return (person,) if is_named else actors_of(_account(person))


def _account(name: str) -> UUID:
    """Return the id of an account; one that is gone for good is known by its id alone."""
    from app.usecases.statements import require_account  # noqa: PLC0415 - likewise

    try:
        return UUID(name)
    except ValueError:
        found: UUID = require_account(name)["id"]
        return found
