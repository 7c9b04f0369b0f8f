"""Credits that are set aside: never more than there are, and each hold ends once."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.errors import AppError, Conflict, Invalid, NotFound, PaymentRequired
from app.models import get_db, list_holds, list_transactions_of
from app.usecases import holds
from tests.factories import make_user
from tests.support.credits import differences, give, prepaid, seize, take
from tests.support.threads import insist, run_together

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def user_id() -> UUID:
    owner: UUID = make_user()["id"]
    return owner


def place(user_id: UUID, amount: int, *, at: datetime = NOON, **options: Any) -> UUID:
    lifetime = options.pop("lifetime", timedelta(minutes=15))
    hold = holds.place_hold(user_id, amount, reason=None, lifetime=lifetime, at=at)
    hold_id: UUID = hold["id"]
    return hold_id


def state(user_id: UUID, hold_id: UUID) -> tuple[str, int, datetime | None]:
    hold = holds.require_hold(user_id, hold_id)
    return hold["state"], hold["captured"], hold["ended_at"]


def entries(user_id: UUID, kind: str, hold_id: UUID) -> dict[str, int]:
    return {
        row["bucket"]: row["amount"] for row in list_transactions_of(user_id, kind, str(hold_id))
    }


def test_32_holds_of_1000_on_5000_at_once_are_5(user_id: UUID) -> None:
    give(user_id, 5000)

    outcomes = run_together([insist(partial(place, user_id, 1000))] * 32)

    assert Counter(map(type, outcomes)) == {UUID: 5, PaymentRequired: 27}
    assert prepaid(user_id) == (5000, 5000, 0)
    assert len(list_holds(user_id, limit=100)) == 5
    assert differences() == []


def test_refusal_says_what_is_available_and_writes_nothing(user_id: UUID) -> None:
    give(user_id, 100)
    place(user_id, 60)

    with pytest.raises(PaymentRequired) as refused:
        place(user_id, 41)

    assert refused.value.facts == {"available": 40, "requested": 41}
    assert prepaid(user_id) == (100, 60, 0)


def test_held_credits_cannot_be_spent_or_taken_back_at_once(user_id: UUID) -> None:
    give(user_id, 100)
    place(user_id, 60)

    assert not take(user_id, 41)
    assert take(user_id, 10)
    seize(user_id, 50)

    assert prepaid(user_id) == (60, 60, 20)
    assert differences() == []


def test_spends_and_holds_at_once_share_what_is_there(user_id: UUID) -> None:
    give(user_id, 50)

    outcomes = run_together([partial(place, user_id, 10)] * 8 + [partial(take, user_id, 10)] * 8)

    held = sum(isinstance(one, UUID) for one in outcomes)
    spent = outcomes.count(True)
    assert held + spent == 5
    assert prepaid(user_id) == (50 - 10 * spent, 10 * held, 0)
    assert differences() == []


@pytest.mark.parametrize("captured", [None, 30])
def test_capture_takes_all_or_a_part_and_gives_back_the_rest(
    user_id: UUID, captured: int | None
) -> None:
    give(user_id, 100)
    hold_id = place(user_id, 60)

    ids = holds.capture_hold(user_id, hold_id, captured, NOON)

    taken = captured or 60
    assert len(ids) == 1
    assert state(user_id, hold_id) == ("captured", taken, NOON)
    assert entries(user_id, "capture", hold_id) == {"prepaid": -taken}
    assert prepaid(user_id) == (100 - taken, 0, 0)
    assert differences() == []


def test_capture_in_books_that_are_wrong_writes_nothing(user_id: UUID) -> None:
    give(user_id, 100)
    hold_id = place(user_id, 60)
    accounts = get_db().credit_accounts
    get_db()(accounts.user_id == user_id).update(held=10)

    with pytest.raises(Conflict):
        holds.capture_hold(user_id, hold_id, None, NOON)

    assert prepaid(user_id) == (100, 10, 0)
    assert entries(user_id, "capture", hold_id) == {}


def test_capture_of_more_than_was_held_is_refused(user_id: UUID) -> None:
    give(user_id, 100)
    hold_id = place(user_id, 60)

    with pytest.raises(Invalid) as refused:
        holds.capture_hold(user_id, hold_id, 61, NOON)

    assert [error.field for error in refused.value.errors] == ["amount"]
    assert prepaid(user_id) == (100, 60, 0)


@pytest.mark.parametrize("end", ["release", "capture a part", "expire"])
def test_what_becomes_available_pays_the_debt_first(user_id: UUID, end: str) -> None:
    give(user_id, 100)
    hold_id = place(user_id, 100)
    seize(user_id, 70)
    assert prepaid(user_id) == (100, 100, 70)

    if end == "release":
        holds.release_hold(user_id, hold_id, NOON)
    elif end == "expire":
        assert holds.end_expired_holds(user_id, LATER) == 1
    else:
        holds.capture_hold(user_id, hold_id, 50, NOON)

    paid = 50 if end == "capture a part" else 70
    assert entries(user_id, "debt_payment", hold_id) == {"prepaid": -paid, "debt": -paid}
    assert prepaid(user_id) == ((0, 0, 20) if end == "capture a part" else (30, 0, 0))
    assert differences() == []


@pytest.mark.parametrize("rival", ["release", "expire", "capture"])
def test_capture_that_meets_another_end_is_decided_once(user_id: UUID, rival: str) -> None:
    give(user_id, 400)
    held = [place(user_id, 100) for _ in range(4)]
    at = LATER if rival == "expire" else NOON
    rivals: dict[str, Any] = {
        "release": lambda hold_id: holds.release_hold(user_id, hold_id, at),
        "capture": lambda hold_id: holds.capture_hold(user_id, hold_id, 40, at),
        "expire": lambda _: holds.end_expired_holds(user_id, at),
    }
    capture = partial(holds.capture_hold, user_id, amount=40, at=NOON)

    outcomes = run_together(
        [partial(one, hold_id) for hold_id in held for one in (capture, rivals[rival])]
    )

    assert all(not isinstance(one, Exception) or isinstance(one, Conflict) for one in outcomes)
    ended = [state(user_id, hold_id) for hold_id in held]
    assert all((one[0] == "captured") == (one[1] == 40) for one in ended)
    captured = sum(one[1] for one in ended)
    assert prepaid(user_id) == (400 - captured, 0, 0)
    assert sum(isinstance(one, Conflict) for one in outcomes) == (
        4 if rival != "expire" else sum(one[0] == "expired" for one in ended)
    )
    assert differences() == []


def test_end_of_a_hold_is_told_to_whoever_ends_it_again(user_id: UUID) -> None:
    give(user_id, 100)
    captured, released, expired = (place(user_id, 10) for _ in range(3))
    holds.capture_hold(user_id, captured, None, NOON)
    holds.release_hold(user_id, released, NOON)

    codes = {
        end(hold_id)
        for hold_id, at in ((captured, NOON), (released, NOON), (expired, LATER))
        for end in (
            partial(refusal, holds.release_hold, user_id, at=at),
            partial(refusal, holds.capture_hold, user_id, amount=None, at=at),
        )
    }

    assert codes == {"HOLD_CAPTURED", "HOLD_RELEASED", "HOLD_EXPIRED"}
    assert prepaid(user_id) == (90, 10, 0)


def refusal(action: Any, user_id: UUID, hold_id: UUID, **options: Any) -> str:
    with pytest.raises(AppError) as refused:
        action(user_id, hold_id, **options)
    return refused.value.code


def test_hold_of_somebody_else_is_not_there(user_id: UUID) -> None:
    give(user_id, 100)
    hold_id = place(user_id, 10)
    other = make_user()["id"]

    for somebody, one in ((other, hold_id), (user_id, uuid4())):
        with pytest.raises(NotFound):
            holds.release_hold(somebody, one, NOON)

    assert prepaid(user_id) == (100, 10, 0)


def test_time_that_is_over_makes_room_for_another_hold(user_id: UUID) -> None:
    give(user_id, 100)
    first = place(user_id, 80)

    second = place(user_id, 90, at=LATER)

    assert state(user_id, first) == ("expired", 0, LATER)
    assert state(user_id, second)[0] == "open"
    assert prepaid(user_id) == (100, 90, 0)


def test_account_with_wrong_books_keeps_no_other_from_its_credits() -> None:
    wrong, other = make_user()["id"], make_user()["id"]
    for owner, moment in ((wrong, NOON), (other, NOON + timedelta(minutes=1))):
        give(owner, 100)
        place(owner, 10, at=moment)
    accounts = get_db().credit_accounts
    get_db()(accounts.user_id == wrong).update(held=0)

    assert holds.end_due_holds(LATER, limit=50) == 1

    assert prepaid(other) == (100, 0, 0)


def test_maintenance_ends_the_holds_of_everybody_and_no_other() -> None:
    owners = [make_user()["id"] for _ in range(3)]
    for owner in owners:
        give(owner, 100)
        place(owner, 10)
        place(owner, 20)
        place(owner, 30, lifetime=timedelta(days=1))

    first = holds.end_due_holds(LATER, limit=4)
    together = run_together([partial(holds.end_due_holds, LATER, limit=50)] * 3)

    assert first >= 4
    assert first + sum(one for one in together if isinstance(one, int)) == 6
    assert holds.end_due_holds(LATER, limit=50) == 0
    assert [prepaid(owner) for owner in owners] == [(100, 30, 0)] * 3
    assert differences() == []
