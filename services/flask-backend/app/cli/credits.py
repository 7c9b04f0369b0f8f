"""``backend credits``: whether the books are right, and what an operator does with them."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

import click

from app.cli.balances import (
    difference_facts,
    difference_sentence,
    plain,
    statement_facts,
    statement_sentences,
)
from app.cli.edges import EXIT_CODES, FAILED, answer, as_json, require_settings, told

if TYPE_CHECKING:
    from app.config import Settings
    from app.usecases.books import Difference

_PROGRESS_EVERY: Final = 1000
_SHOWN: Final = 20
_MAX_AMOUNT: Final = 1_000_000
_MAX_REASON: Final = 500
_UNITS: Final = {"d": timedelta(days=1), "h": timedelta(hours=1)}

Item = TypeVar("Item")


def _read_age(text: str) -> timedelta:
    match = re.fullmatch(r"([0-9]{1,4})([dh])", text)
    if match is None:
        raise click.BadParameter("write days or hours: 90d, 36h.")
    return int(match[1]) * _UNITS[match[2]]


def _read_amount(text: str) -> int:
    match = re.fullmatch(r"[+-]?[0-9]{1,7}", text)
    amount = int(text) if match else 0
    if not 0 < abs(amount) <= _MAX_AMOUNT:
        raise click.BadParameter(f"write whole credits, 1 to {_MAX_AMOUNT}, or below zero to take.")
    return amount


def _read_reason(text: str) -> str:
    if not 0 < len(text.strip()) <= _MAX_REASON:
        raise click.BadParameter(f"say why, in 1 to {_MAX_REASON} characters.")
    return text.strip()


@click.group(epilog=EXIT_CODES)
def credits() -> None:  # noqa: A001 - the name of the command
    """Look after credits and their ledger; see docs/operations/credits.md.

    \b
    Example:
      backend credits verify
      backend credits show ada@example.com
    """


@credits.command(epilog=EXIT_CODES)
@as_json
def verify(*, is_json: bool) -> None:
    """Compute every balance again from the ledger, its archive and the holds.

    Reads only, each account as of one moment, so it may run beside the service. If something
    differs, it says what, and the exit code is 1.

    \b
    Example:
      backend credits verify
      backend credits verify --json
    """
    from app.usecases.books import check_books  # noqa: PLC0415 - the whole runtime, for this command only

    accounts = transactions = 0
    found: list[Difference] = []
    with _database():
        for account in _with_progress(check_books()):
            accounts += 1
            transactions += account.transactions
            found += account.differences
    facts = {
        "accounts": accounts,
        "transactions": transactions,
        "differences": [difference_facts(difference) for difference in found],
    }
    lines = [difference_sentence(difference) for difference in found]
    lines.append(
        f"Accounts: {accounts}. Rows of the ledger: {transactions}. Differences: {len(found)}."
    )
    answer(is_json, facts, "\n".join(lines))
    if found:
        raise SystemExit(FAILED)


@credits.command(epilog=EXIT_CODES)
@click.option(
    "--older-than",
    "age",
    type=_read_age,
    metavar="AGE",
    default="90d",
    show_default=True,
    help="How old rows must be: in days (90d) or hours (36h).",
)
@as_json
def archive(*, age: timedelta, is_json: bool) -> None:
    """Move old rows of the ledger to its archive, behind an opening balance.

    In small batches, each of them whole: it may run beside the service, be killed at any point,
    and run again. Nothing is deleted. Rows that do not add up stay where they are.

    \b
    Example:
      backend credits archive --older-than 90d
    """
    from app import clock  # noqa: PLC0415 - the whole runtime, for this command only
    from app.usecases.archive import archive_ledger  # noqa: PLC0415 - likewise

    accounts = moved = kept = 0
    with _database():
        at = clock.now()
        for account in _with_progress(archive_ledger(before=at - age, at=at)):
            accounts += account.moved > 0
            moved += account.moved
            kept += account.kept
    facts = {"accounts": accounts, "moved": moved, "kept": kept}
    lines = [f"Rows moved to the archive: {moved}. Accounts they are of: {accounts}."]
    if kept:
        lines.append(f"Old rows that do not add up, and stay: {kept}. Run backend credits verify.")
    answer(is_json, facts, "\n".join(lines))


@credits.command(epilog=EXIT_CODES)
@click.argument("user")
@as_json
def show(*, user: str, is_json: bool) -> None:
    """Show the balances, open holds and newest rows of the ledger of USER: an e-mail or an id.

    Reads what is stored: a new day has not filled the allowance yet if nobody has asked.

    \b
    Example:
      backend credits show ada@example.com
    """
    from app.usecases import statements  # noqa: PLC0415 - the whole runtime, for this command only

    with _database():
        account = statements.require_account(user)
        statement = statements.read_statement(account["id"], limit=_SHOWN)
    facts = statement_facts(account, statement)
    answer(is_json, facts, lambda: statement_sentences(account, statement))


@credits.command(epilog=EXIT_CODES, context_settings={"ignore_unknown_options": True})
@click.argument("email")
@click.argument("amount", type=_read_amount)
@click.option("--reason", type=_read_reason, required=True, help="Why; the owner can read it.")
@as_json
def grant(*, email: str, amount: int, reason: str, is_json: bool) -> None:
    """Give the account with EMAIL prepaid credits, or take some: an AMOUNT below zero.

    What is given pays a debt first; only what is available is taken. If the answer is lost, look
    with "backend credits show" before you repeat it.

    \b
    Example:
      backend credits grant ada@example.com 100 --reason "Thanks for the report"
    """
    from app.api.allowances import allowances_of  # noqa: PLC0415 - the whole runtime, for this command only
    from app.usecases import corrections, statements, wallet  # noqa: PLC0415 - likewise

    with _database() as settings:
        user_id = statements.require_account(email)["id"]
        owner = wallet.require_owner(user_id, allowances_of(settings))
        change = corrections.grant(owner, amount, reason=reason)
    prepaid = change.credits.prepaid
    facts = {
        "user_id": user_id,
        "transaction_ids": change.transaction_ids,
        "balance": prepaid.balance,
        "held": prepaid.held,
        "debt": prepaid.debt,
    }
    answer(
        is_json,
        plain(facts),
        f"{email} has {prepaid.balance} prepaid credits now; {prepaid.held} of them are held,"
        f" and {prepaid.debt} are owed.",
    )


@contextmanager
def _database() -> Iterator["Settings"]:
    """Connect the database that the settings name, and tell what goes wrong with it."""
    from app.models import close_db, init_db  # noqa: PLC0415 - the whole runtime, for these commands only

    settings = require_settings()
    init_db(settings)
    with told():
        try:
            yield settings
        finally:
            close_db()


def _with_progress(accounts: Iterable[Item]) -> Iterator[Item]:
    """Say on standard error how far a long work has come."""
    for number, account in enumerate(accounts, start=1):
        yield account
        if not number % _PROGRESS_EVERY:
            click.echo(f"Accounts so far: {number}", err=True)
