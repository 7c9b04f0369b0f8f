"""The books are right, and whatever is changed in them by hand is found and named."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.models import list_ledger
from app.usecases import holds
from app.usecases.allowances import Allowances
from app.usecases.archive import archive_ledger
from app.usecases.books import CheckedAccount, Difference, check_account, check_books
from app.usecases.spending import spend
from app.vocabulary import Bucket
from bilayer import types
from tests.factories import make_user
from tests.support.credits import differences, give, seize, take

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIFETIME = timedelta(days=3650)


@pytest.fixture
def owner() -> dict[str, Any]:
    """Somebody with something in every book."""
    user = make_user()
    user_id = user["id"]
    for hour in range(6):
        give(user_id, 100, at=NOON - timedelta(days=100) + timedelta(hours=hour))
    list(archive_ledger(before=NOON - timedelta(days=99, hours=21), at=NOON))
    give(user_id, 100, at=NOON)
    take(user_id, 30, at=NOON + timedelta(seconds=1))
    give(user_id, 5, at=NOON + timedelta(seconds=2))
    holds.place_hold(user_id, 200, reason=None, lifetime=LIFETIME, at=NOON)
    holds.place_hold(user_id, 475, reason=None, lifetime=LIFETIME, at=NOON)
    seize(user_id, 7)
    spend(Allowances(user=20, guest=5).owner(user_id, user["user_type"]), 3)
    return user


def change(database_url: str, table: str, changes: str, where: str, **values: Any) -> None:
    """Change a row by hand, as the service never does."""
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    statement = sa.text(f"UPDATE {table} SET {changes} WHERE {where}")
    if "id" in values:
        statement = statement.bindparams(sa.bindparam("id", type_=types.UUID()))
    with engine.begin() as connection:
        assert connection.execute(statement, values).rowcount == 1


def newest(user_id: UUID, kind: str, bucket: str = "prepaid") -> dict[str, Any]:
    rows = list_ledger(user_id, bucket=bucket, limit=100)
    return next(row for row in reversed(rows) if row["transaction_type"] == kind)


def test_books_of_everybody_add_up(owner: dict[str, Any]) -> None:
    others = [make_user()["id"] for _ in range(3)]
    for other in others:
        give(other, 10)
    make_user()

    checked = list(check_books())

    assert {one.user_id for one in checked} == {owner["id"], *others}
    assert [one.user_id for one in checked] == sorted(one.user_id for one in checked)
    assert [one.differences for one in checked] == [()] * 4
    assert check_account(owner["id"]).transactions == 10


@pytest.mark.parametrize(
    ("table", "column", "bucket"),
    [
        ("credit_accounts", "credits_balance", Bucket.PREPAID),
        ("credit_accounts", "held", Bucket.PREPAID),
        ("credit_accounts", "debt", Bucket.DEBT),
        ("user_credits", "available_credits", Bucket.DAILY),
    ],
)
def test_balance_that_was_changed_by_hand_is_named(
    owner: dict[str, Any], database_url: str, table: str, column: str, bucket: Bucket
) -> None:
    user_id = owner["id"]
    if column in ("credits_balance", "held"):  # A debt would forbid it.
        give(user_id, 50)
    by = 11 if column != "held" else -11
    before = {"credits_balance": 718, "held": 675, "debt": 7, "available_credits": 17}[column]

    change(database_url, table, f"{column} = {column} + :by", "user_id = :id", by=by, id=user_id)

    assert differences() == [
        Difference(user_id, bucket, f"{table}.{column}", before + by, before),
    ]


def test_amount_that_was_changed_by_hand_is_named(owner: dict[str, Any], database_url: str) -> None:
    row = newest(owner["id"], "spend")
    key = "id = :id"

    change(database_url, "credit_transactions", "amount = amount + 10", key, id=row["id"])

    found = differences()
    assert found[0] == Difference(
        owner["id"], Bucket.PREPAID, "credit_accounts.credits_balance", 675, 685
    )
    assert [one.transaction_id for one in found[1:]] == [row["id"]]
    assert (found[1].recorded, found[1].computed) == (670, 680)


def test_balance_after_that_was_changed_by_hand_is_named(
    owner: dict[str, Any], database_url: str
) -> None:
    row = newest(owner["id"], "grant")
    key = "id = :id"

    change(database_url, "credit_transactions", "balance_after = 900", key, id=row["id"])

    (found,) = differences()
    assert (found.column, found.transaction_id) == ("credit_transactions.balance_after", row["id"])
    assert (found.recorded, found.computed) == (900, 675)


def test_rows_that_lead_nowhere_are_named(database_url: str) -> None:
    user_id = make_user()["id"]
    for hour, amount in enumerate((100, 30)):
        give(user_id, amount, at=NOON + timedelta(hours=hour))
    take(user_id, 30, at=NOON + timedelta(hours=2))
    _, grant, spent = list_ledger(user_id, limit=9)
    shift = "balance_after = balance_after + 1000"

    for row in (grant, spent):  # Each still begins where the other one ends.
        change(database_url, "credit_transactions", shift, "id = :id", id=row["id"])

    (found,) = differences()
    assert (found.transaction_id, found.recorded, found.computed) == (grant["id"], 1130, 130)


def test_hold_that_was_changed_by_hand_is_named(owner: dict[str, Any], database_url: str) -> None:
    change(database_url, "credit_holds", "amount = 210", "amount = 200")

    assert differences() == [
        Difference(owner["id"], Bucket.PREPAID, "credit_accounts.held", 675, 685)
    ]


def test_archived_row_that_was_changed_by_hand_is_named(
    owner: dict[str, Any], database_url: str
) -> None:
    key = "balance_after = 200"

    change(database_url, "credit_transactions_archive", "amount = 99", key)

    assert differences() == [
        Difference(owner["id"], Bucket.PREPAID, "credit_transactions.amount", 300, 299)
    ]


def test_books_whose_rows_tell_other_times_than_their_order_add_up() -> None:
    user_id = make_user()["id"]
    give(user_id, 100, at=NOON)
    # Who asks for the time first may have its turn last.
    take(user_id, 30, at=NOON + timedelta(milliseconds=2))
    take(user_id, 50, at=NOON + timedelta(milliseconds=1))

    assert check_account(user_id) == CheckedAccount(user_id, 3, ())


def test_account_whose_balance_is_gone_is_found(database_url: str) -> None:
    user_id = make_user()["id"]
    give(user_id, 100)
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM credit_accounts"))

    assert differences() == [
        Difference(user_id, Bucket.PREPAID, "credit_accounts.credits_balance", 0, 100)
    ]
