"""Old rows leave the ledger, and the books stay right: beside spends, twice at once, and killed."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import uuid_utils.compat

from app import clock
from app.models import get_db, list_ledger, release, update_credit_account
from app.usecases import ledger
from app.usecases.archive import ArchivedAccount, archive_ledger
from app.usecases.books import check_account
from app.usecases.work import unit_of_work
from tests.factories import make_user
from tests.support.credits import differences, give, prepaid, take
from tests.support.rows import snapshot
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def user_id() -> UUID:
    owner: UUID = make_user()["id"]
    return owner


def archive(before: datetime) -> list[ArchivedAccount]:
    found = list(archive_ledger(before=before, at=NOON))
    release()
    return found


def archived() -> list[dict[str, Any]]:
    table = get_db().credit_transactions_archive
    rows: list[dict[str, Any]] = get_db()(table).dicts(orderby=table.created_at | table.id)
    release()
    return rows


def amounts(user_id: UUID) -> list[tuple[str, int, int]]:
    return [
        (row["transaction_type"], row["amount"], row["balance_after"])
        for row in list_ledger(user_id, limit=1000)
    ]


@unit_of_work
def write_history(user_id: UUID, count: int, since: datetime) -> None:
    """Write a ledger as if two credits had been given and one spent, again and again."""
    ledger.lock_account(user_id, since)
    balance, rows = 0, []
    for number in range(count):
        amount = -1 if number % 2 else 2
        balance += amount
        rows.append(
            {
                "user_id": user_id,
                "id": uuid_utils.compat.uuid7(),
                "bucket": "prepaid",
                "transaction_type": "spend" if number % 2 else "grant",
                "amount": amount,
                "balance_after": balance,
                "reference": str(number),
                "created_at": since + timedelta(seconds=number),
            }
        )
    get_db().credit_transactions.insert_many(rows)
    update_credit_account(user_id, credits_balance=balance)


def test_opening_balance_stands_for_what_is_archived(user_id: UUID) -> None:
    give(user_id, 100, at=NOON - 10 * DAY)
    take(user_id, 30, at=NOON - 9 * DAY)
    give(user_id, 5, at=NOON - DAY)

    assert archive(NOON - 5 * DAY) == [ArchivedAccount(user_id, moved=2, kept=0)]

    assert amounts(user_id) == [("opening_balance", 70, 70), ("grant", 5, 75)]
    assert [row["amount"] for row in archived()] == [100, -30]
    assert prepaid(user_id) == (75, 0, 0)
    assert differences() == []


def test_second_run_changes_nothing(user_id: UUID) -> None:
    give(user_id, 100, at=NOON - 10 * DAY)
    give(user_id, 5, at=NOON)
    archive(NOON - 5 * DAY)
    before = snapshot()

    assert archive(NOON - 5 * DAY) == []

    assert snapshot() == before


def test_opening_balance_of_an_earlier_archive_moves_too(user_id: UUID) -> None:
    for days in (10, 8, 6):
        give(user_id, 10, at=NOON - days * DAY)
    archive(NOON - 9 * DAY)
    archive(NOON - 7 * DAY)

    assert archive(NOON) == [ArchivedAccount(user_id, moved=1, kept=0)]

    assert amounts(user_id) == [("opening_balance", 30, 30)]
    kinds = [row["transaction_type"] for row in archived()]
    assert sorted(kinds) == ["grant"] * 3 + ["opening_balance"] * 2
    assert differences() == []


def test_what_comes_to_nothing_needs_no_opening_balance(user_id: UUID) -> None:
    give(user_id, 10, at=NOON - 10 * DAY)
    take(user_id, 10, at=NOON - 9 * DAY)

    archive(NOON - DAY)
    give(user_id, 3, at=NOON)

    assert amounts(user_id) == [("grant", 3, 3)]
    assert len(archived()) == 2
    assert differences() == []


def test_rows_of_one_moment_are_archived_in_batches(user_id: UUID) -> None:
    write_history(user_id, 450, NOON - 10 * DAY)
    get_db()(get_db().credit_transactions.user_id == user_id).update(created_at=NOON - 10 * DAY)
    give(user_id, 7, at=NOON)

    assert archive(NOON - DAY) == [ArchivedAccount(user_id, moved=450, kept=0)]

    assert amounts(user_id) == [("opening_balance", 225, 225), ("grant", 7, 232)]
    assert differences() == []


def test_rows_of_machines_whose_clocks_differ_are_archived(user_id: UUID) -> None:
    write_history(user_id, 900, NOON - 10 * DAY)
    table = get_db().credit_transactions
    late = [row["id"] for row in list_ledger(user_id, limit=900)[1::2]]
    for number, row_id in enumerate(late):
        moment = NOON - 10 * DAY + timedelta(seconds=2 * number - 400)
        get_db()(table.id == row_id).update(created_at=moment)
    give(user_id, 7, at=NOON)

    assert archive(NOON - DAY) == [ArchivedAccount(user_id, moved=900, kept=0)]

    assert amounts(user_id) == [("opening_balance", 450, 450), ("grant", 7, 457)]
    assert differences() == []


def test_rows_that_do_not_add_up_stay_and_are_counted(user_id: UUID) -> None:
    for days in range(10, 5, -1):
        give(user_id, 10, at=NOON - days * DAY)
    wrong = list_ledger(user_id, limit=3)[2]["id"]
    get_db()(get_db().credit_transactions.id == wrong).update(amount=11)

    assert archive(NOON) == [ArchivedAccount(user_id, moved=2, kept=3)]

    assert amounts(user_id)[0] == ("opening_balance", 20, 20)
    named = [one.transaction_id for one in differences() if one.transaction_id]
    assert named == [wrong]


def test_spends_beside_archiving_leave_the_books_right(user_id: UUID) -> None:
    give(user_id, 10_000)
    checks: list[Any] = []

    def spend() -> int:
        return sum(take(user_id, 1) for _ in range(15))

    def move() -> int:
        return sum(
            account.moved
            for _ in range(8)
            for account in archive_ledger(before=clock.now(), at=clock.now())
        )

    def check() -> int:
        checks.extend(check_account(user_id).differences for _ in range(10))
        return 0

    spent = run_together([spend, spend, spend, spend, move, move, check])

    assert spent[:4] == [15] * 4
    assert all(isinstance(one, int) for one in spent)
    assert set(checks) == {()}
    assert prepaid(user_id) == (10_000 - 60, 0, 0)
    assert differences() == []
    archive(clock.now() + DAY)
    assert amounts(user_id) == [("opening_balance", 9940, 9940)]
    assert differences() == []


def test_archives_that_run_at_once_move_each_row_once() -> None:
    owners = [make_user()["id"] for _ in range(3)]
    for owner in owners:
        write_history(owner, 500, NOON - 10 * DAY)

    moved = run_together([partial(archive, NOON)] * 4)

    runs = [run for run in moved if isinstance(run, list)]
    assert len(runs) == 4
    assert sum(one.moved for run in runs for one in run) == 1500
    assert [prepaid(owner)[0] for owner in owners] == [250] * 3
    assert differences() == []


def test_archive_that_was_killed_goes_on_with_the_next_one(
    user_id: UUID, database_url: str
) -> None:
    write_history(user_id, 2400, NOON - 10 * DAY)
    release()

    with archiving(database_url) as process:
        while not archived() and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)

    moved = len(archived())
    assert process.returncode == -signal.SIGKILL
    assert 0 < moved < 2400
    assert differences() == []
    assert archive(NOON)[0].kept == 0
    changes = [row for row in archived() if row["transaction_type"] != "opening_balance"]
    assert len(changes) == len({row["id"] for row in changes}) == 2400
    assert amounts(user_id) == [("opening_balance", 1200, 1200)]
    assert differences() == []


@contextmanager
def archiving(database_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """Let the command archive everything, in a process of its own."""
    words = ["credits", "archive", "--older-than", "0d"]
    process = subprocess.Popen(
        [sys.executable, "-c", "from app.cli import main; main()", *words],
        env=os.environ | {"DATABASE_URL": database_url},
        stdout=subprocess.DEVNULL,
    )
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    try:
        yield process
    finally:
        process.wait()
        watchdog.cancel()
