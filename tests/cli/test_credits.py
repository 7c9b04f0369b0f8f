"""``backend credits`` on each engine."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.config import get_settings
from app.models import get_db, update_credit_account
from app.usecases import holds
from tests.factories import make_guest, make_user
from tests.support.credits import give, prepaid
from tests.support.service import connected, settings_for

EMAIL = "ada@example.com"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def user(database_url: str, tmp_path: Path) -> dict[str, Any]:
    """Somebody with an old and a new row in the ledger, and a hold."""
    with connected(settings_for(database_url, tmp_path)):
        user = make_user(email=EMAIL)
        give(user["id"], 100, at=NOON - timedelta(days=3650))
        give(user["id"], 50)
        lifetime = timedelta(days=3650)
        holds.place_hold(user["id"], 40, reason=None, lifetime=lifetime, at=NOON)
        return user


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["credits", *words], catch_exceptions=False)


def facts(*words: str) -> dict[str, Any]:
    result = run(*words, "--json")
    assert result.stderr == ""
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_books_that_are_right_are_exit_code_0(user: dict[str, Any]) -> None:
    result = run("verify")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "Accounts: 1. Rows of the ledger: 2. Differences: 0.\n"
    assert facts("verify") == {"accounts": 1, "transactions": 2, "differences": []}


def test_books_that_differ_are_named_and_exit_code_1(
    user: dict[str, Any], database_url: str, tmp_path: Path
) -> None:
    with connected(settings_for(database_url, tmp_path)):
        update_credit_account(user["id"], credits_balance=155)

    result = run("verify")

    assert result.exit_code == 1
    assert (
        f"{user['id']}, prepaid: credit_accounts.credits_balance is 155, the ledger adds up to"
        " 150: +5\n"
    ) in result.stdout
    assert facts("verify")["differences"] == [
        {
            "user_id": str(user["id"]),
            "bucket": "prepaid",
            "column": "credit_accounts.credits_balance",
            "transaction_id": None,
            "recorded": 155,
            "computed": 150,
            "difference": 5,
        }
    ]


def test_long_work_tells_how_far_it_is(
    user: dict[str, Any], database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.credits._PROGRESS_EVERY", 1)

    assert run("verify").stderr == "Accounts so far: 1\n"


def test_archive_moves_what_is_older_and_verify_agrees(user: dict[str, Any]) -> None:
    first, second = facts("archive", "--older-than", "90d"), facts("archive")

    assert first == {"accounts": 1, "moved": 1, "kept": 0}
    assert second == {"accounts": 0, "moved": 0, "kept": 0}
    assert "Rows moved to the archive: 0." in run("archive").stdout
    assert run("verify").exit_code == 0
    kinds = [row["transaction_type"] for row in facts("show", EMAIL)["transactions"]]
    assert kinds == ["grant", "opening_balance"]


def test_archive_says_what_it_had_to_leave(
    user: dict[str, Any], database_url: str, tmp_path: Path
) -> None:
    with connected(settings_for(database_url, tmp_path)):
        ledger = get_db().credit_transactions
        get_db()(ledger.amount == 100).update(amount=99)

    result = run("archive")

    assert result.exit_code == 0
    assert "Old rows that do not add up, and stay: 1. Run backend credits verify." in result.stdout
    assert run("verify").exit_code == 1


def test_show_tells_the_books_of_an_account_by_email_or_id(user: dict[str, Any]) -> None:
    by_email = facts("show", EMAIL)

    assert by_email["prepaid"] == {"balance": 150, "held": 40, "debt": 0}
    assert by_email["daily"]["available"] is None
    assert [hold["amount"] for hold in by_email["holds"]] == [40]
    assert [row["amount"] for row in by_email["transactions"]] == [50, 100]
    assert facts("show", str(user["id"])) == by_email
    lines = run("show", EMAIL).stdout.splitlines()
    assert lines[0] == f"{user['id']} {EMAIL}"
    assert "prepaid: balance 150, held 40, debt 0" in lines


def test_what_people_wrote_moves_no_cursor(user: dict[str, Any]) -> None:
    run("grant", EMAIL, "1", "--reason", "Grüße\x1b[2J\r\nprepaid: balance 9")

    shown = run("show", EMAIL).stdout

    assert "grant Grüße\ufffd[2J\ufffd\ufffdprepaid: balance 9\n" in shown


def test_show_knows_guests_by_their_id(database_url: str, tmp_path: Path) -> None:
    with connected(settings_for(database_url, tmp_path)):
        guest = make_guest()

    assert run("show", str(guest["id"])).stdout.splitlines()[0] == f"{guest['id']} guest"


def test_grant_gives_and_takes_with_a_reason(
    user: dict[str, Any], database_url: str, tmp_path: Path
) -> None:
    given = facts("grant", EMAIL, "25", "--reason", "Thanks for the report")
    taken = run("grant", EMAIL, "-5", "--reason", "Too many")

    assert (given["balance"], len(given["transaction_ids"])) == (175, 1)
    assert taken.stdout.startswith(f"{EMAIL} has 170 prepaid credits now")
    newest = facts("show", EMAIL)["transactions"][:2]
    told = [(row["amount"], row["reason"]) for row in newest]
    assert told == [(-5, "Too many"), (25, "Thanks for the report")]
    assert run("verify").exit_code == 0


def test_more_than_is_available_cannot_be_taken(
    user: dict[str, Any], database_url: str, tmp_path: Path
) -> None:
    result = run("grant", EMAIL, "-111", "--reason", "Held credits stay")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "not enough credits" in result.stderr
    with connected(settings_for(database_url, tmp_path)):
        assert prepaid(user["id"]) == (150, 40, 0)


@pytest.mark.parametrize("command", ["show", "grant"])
def test_nobody_is_a_sentence_and_exit_code_1(command: str) -> None:
    more = ("5", "--reason", "Why") if command == "grant" else ()

    result = run(command, "nobody@example.com", *more)

    assert (result.exit_code, result.stderr) == (1, "There is no account nobody@example.com.\n")


def test_wrong_use_is_exit_code_2() -> None:
    wrong = [
        ("archive", "--older-than", "90"),
        ("archive", "--older-than", "-1d"),
        ("archive", "--older-than", "90 days"),
        ("grant", EMAIL, "0", "--reason", "Why"),
        ("grant", EMAIL, "1000001", "--reason", "Why"),
        ("grant", EMAIL, "1.5", "--reason", "Why"),
        ("grant", EMAIL, "5"),
        ("grant", EMAIL, "5", "--reason", " "),
        ("grant", EMAIL, "5", "--reason", "Why", "--because"),
        ("show",),
        ("verify", "everything"),
    ]

    assert {words: run(*words).exit_code for words in wrong} == dict.fromkeys(wrong, 2)


def test_database_that_is_not_migrated_is_a_sentence(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    get_settings.cache_clear()

    for words in (("verify",), ("archive",), ("show", EMAIL)):
        result = run(*words)
        assert result.exit_code == 1
        assert "Traceback" not in result.output
