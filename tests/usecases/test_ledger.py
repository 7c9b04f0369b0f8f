"""Prepaid credits come and go, on each engine: every change has its rows, and debt is paid."""

from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app.models import (
    UniqueViolation,
    get_credit_account,
    get_db,
    hold_prepaid_credits,
    transaction,
    update_credit_account,
)
from app.usecases import ledger
from app.usecases.ledger import Cause
from app.usecases.work import unit_of_work
from app.vocabulary import Bucket, TransactionType
from tests.factories import make_guest, make_user
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def cause(kind: TransactionType, reference: str = "one") -> Cause:
    return Cause(kind, reference, NOON)


def credit(user_id: UUID, amount: int, reference: str = "credited") -> list[UUID]:
    with transaction():
        return ledger.credit_prepaid(user_id, amount, cause(TransactionType.GRANT, reference))


def state(user_id: UUID) -> tuple[int, int, int]:
    account = get_credit_account(user_id)
    assert account is not None
    return account["credits_balance"], account["held"], account["debt"]


def entries(user_id: UUID) -> list[tuple[Any, ...]]:
    """Return the ledger in the order it was written."""
    db = get_db()
    rows = db(db.credit_transactions.user_id == user_id).dicts(orderby=db.credit_transactions.id)
    names = ("bucket", "transaction_type", "amount", "balance_after", "reference")
    return [tuple(row[name] for name in names) for row in rows]


def test_credit_makes_the_account_and_is_in_the_ledger_once_for_its_cause() -> None:
    user_id = make_user()["id"]

    [transaction_id] = credit(user_id, 100)
    with pytest.raises(UniqueViolation):
        credit(user_id, 100)

    assert state(user_id) == (100, 0, 0)
    assert entries(user_id) == [("prepaid", "grant", 100, 100, "credited")]
    row = get_db().credit_transactions(user_id=user_id)
    assert (row.id, row.created_at) == (transaction_id, NOON)


def test_credit_is_taken_only_if_it_is_there_and_not_set_aside() -> None:
    user_id = make_user()["id"]
    credit(user_id, 100)
    assert hold_prepaid_credits(user_id, 60)
    assert not hold_prepaid_credits(user_id, 41)

    with transaction():
        too_much = ledger.debit_prepaid(user_id, 41, cause(TransactionType.SPEND, "a"))
        taken = ledger.debit_prepaid(user_id, 40, cause(TransactionType.SPEND, "b"))

    assert too_much is None
    assert isinstance(taken, UUID)
    assert state(user_id) == (60, 60, 0)
    assert entries(user_id)[1:] == [("prepaid", "spend", -40, 60, "b")]


def test_nothing_is_taken_from_who_never_had_anything() -> None:
    user_id = make_user()["id"]

    with transaction():
        taken = ledger.debit_prepaid(user_id, 1, cause(TransactionType.SPEND))

    assert taken is None


def test_what_cannot_be_taken_back_becomes_debt_that_the_next_credit_pays_first() -> None:
    user_id = make_user()["id"]
    credit(user_id, 100)
    hold_prepaid_credits(user_id, 70)

    with transaction():
        ledger.seize_prepaid(user_id, 50, cause(TransactionType.REVERSAL, "event"))
    assert state(user_id) == (70, 70, 20)
    credit(user_id, 15, "small")
    assert state(user_id) == (70, 70, 5)
    credit(user_id, 15, "large")

    assert state(user_id) == (80, 70, 0)
    assert entries(user_id)[1:] == [
        ("prepaid", "reversal", -30, 70, "event"),
        ("debt", "reversal", 20, 20, "event"),
        ("prepaid", "grant", 15, 85, "small"),
        ("prepaid", "debt_payment", -15, 70, "small"),
        ("debt", "debt_payment", -15, 5, "small"),
        ("prepaid", "grant", 15, 85, "large"),
        ("prepaid", "debt_payment", -5, 80, "large"),
        ("debt", "debt_payment", -5, 0, "large"),
    ]


def test_credits_that_are_set_aside_no_longer_pay_the_debt_first() -> None:
    user_id = make_user()["id"]
    credit(user_id, 100)
    hold_prepaid_credits(user_id, 100)
    with transaction():
        ledger.seize_prepaid(user_id, 30, cause(TransactionType.REVERSAL))
        update_credit_account(user_id, credits_balance=40, held=40)
        ids = ledger.release_held(user_id, 40, cause(TransactionType.CAPTURE, "hold"))

    assert len(ids) == 2
    assert state(user_id) == (10, 0, 0)
    assert entries(user_id)[-2:] == [
        ("prepaid", "debt_payment", -30, 10, "hold"),
        ("debt", "debt_payment", -30, 0, "hold"),
    ]


def test_release_without_debt_writes_no_row() -> None:
    user_id = make_user()["id"]
    credit(user_id, 10)
    hold_prepaid_credits(user_id, 10)

    with transaction():
        ids = ledger.release_held(user_id, 10, cause(TransactionType.CAPTURE))

    assert ids == []
    assert state(user_id) == (10, 0, 0)
    assert len(entries(user_id)) == 1


def test_credits_of_a_claimed_guest_are_those_of_who_claimed_it() -> None:
    guest_id, user_id = make_guest()["id"], make_user()["id"]
    with transaction():
        assert ledger.holder_of(guest_id, NOON) == guest_id
        update_credit_account(guest_id, claimed_by=user_id)

    with transaction():
        assert ledger.holder_of(guest_id, NOON) == user_id
        assert ledger.holder_of(user_id, NOON) == user_id


def test_rows_of_the_ledger_are_appended_one_by_one_too() -> None:
    user_id = make_user()["id"]

    with transaction():
        ledger.append(user_id, Bucket.DAILY, 20, 20, cause(TransactionType.DAILY_RESET))

    assert entries(user_id) == [("daily", "daily_reset", 20, 20, "one")]


def test_account_is_made_once_by_those_who_credit_it_at_once() -> None:
    user_id = make_user()["id"]

    @unit_of_work
    def credit_one(number: int) -> None:
        ledger.credit_prepaid(user_id, 5, cause(TransactionType.GRANT, str(number)))

    outcomes = run_together([partial(credit_one, number) for number in range(8)])

    assert outcomes == [None] * 8
    assert state(user_id) == (40, 0, 0)
    assert sorted(row[3] for row in entries(user_id)) == [5 * n for n in range(1, 9)]
