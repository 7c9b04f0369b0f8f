"""A guest is claimed once: what it had is there once, whoever asks at once and whatever happens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest

from app import clock
from app.errors import AppError, Conflict, Invalid, PaymentRequired, Unauthorized
from app.models import get_credit_account, get_user, release
from app.usecases import holds, ledger
from app.usecases.allowances import Allowances, Owner
from app.usecases.claims import Claim, Moved, claim_guest
from app.usecases.ledger import Cause
from app.usecases.registration import register
from app.usecases.sessions import Client, authenticate
from app.usecases.spending import spend
from app.usecases.work import unit_of_work
from app.vocabulary import TransactionType, UserType
from tests.factories import PASSWORD, make_guest, make_user, new_email
from tests.support.credits import differences, give, prepaid, seize
from tests.support.people import tokens_for
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

ALLOWANCES = Allowances(user=20, guest=5)
LIFETIME = timedelta(minutes=15)


class Guest:
    """A guest with credits and the token that proves it."""

    def __init__(self, credits_given: int = 0) -> None:
        self.user = make_guest()
        self.id: UUID = self.user["id"]
        self.token = tokens_for(self.user).access_token
        self.owner = ALLOWANCES.owner(self.id, UserType.GUEST)
        if credits_given:
            give(self.id, credits_given)


def new_owner() -> Owner:
    return ALLOWANCES.owner(make_user()["id"], UserType.INDIVIDUAL)


def refusal(action: Callable[[], Any]) -> str:
    with pytest.raises(AppError) as refused:
        action()
    return refused.value.code


@unit_of_work
def buy(user_id: UUID, amount: int, session: str) -> UUID:
    """Credit a purchase to whoever has the credits of an account."""
    at = clock.now()
    holder = ledger.holder_of(user_id, at)
    ledger.credit_prepaid(holder, amount, Cause(TransactionType.PURCHASE, session, at))
    return holder


def test_claim_moves_prepaid_credits_and_not_those_of_the_day() -> None:
    guest, owner = Guest(100), new_owner()
    spend(guest.owner, 2)

    claim = claim_guest(owner, guest.token)

    assert claim.moved == Moved(prepaid=100)
    assert (claim.credits.daily.available, claim.credits.prepaid.balance) == (20, 100)
    assert prepaid(guest.id) == (0, 0, 0)
    assert differences() == []


def test_claim_ends_the_guest() -> None:
    guest = Guest(100)

    claim_guest(new_owner(), guest.token)

    assert get_user(guest.id) is None
    with pytest.raises(Unauthorized):
        authenticate(guest.token)


def test_debt_of_a_guest_is_paid_by_who_claims_it() -> None:
    guest, owner = Guest(), new_owner()
    seize(guest.id, 70)
    give(owner.user_id, 50)

    claim = claim_guest(owner, guest.token)

    assert claim.moved == Moved(debt=70)
    assert prepaid(owner.user_id) == (0, 0, 20)
    assert prepaid(guest.id) == (0, 0, 0)
    assert differences() == []


def test_credits_of_a_guest_pay_the_debt_of_who_claims_it() -> None:
    guest, owner = Guest(100), new_owner()
    seize(owner.user_id, 70)

    claim_guest(owner, guest.token)

    assert prepaid(owner.user_id) == (30, 0, 0)
    assert differences() == []


def test_second_claim_by_the_same_user_moves_nothing() -> None:
    guest, owner = Guest(100), new_owner()
    claim_guest(owner, guest.token)

    again = claim_guest(owner, guest.token)

    assert again.moved == Moved()
    assert again.credits.prepaid.balance == 100
    assert differences() == []


def test_refusals_say_why_and_change_nothing() -> None:
    guest, owner, other = Guest(100), new_owner(), new_owner()
    held = Guest(100)
    holds.place_hold(held.id, 10, reason=None, lifetime=LIFETIME, at=clock.now())
    claim_guest(owner, guest.token)
    account = tokens_for(make_user())

    assert refusal(partial(claim_guest, other, guest.token)) == "GUEST_CLAIMED"
    assert refusal(partial(claim_guest, other, held.token)) == "GUEST_HAS_HOLDS"
    assert refusal(partial(claim_guest, other, account.access_token)) == "NOT_A_GUEST"
    assert refusal(partial(claim_guest, held.owner, Guest(1).token)) == "GUEST_ACCOUNT"
    made_up = f"{guest.id}.{'A' * 43}"
    for wrong in (made_up, account.refresh_token, "none", f"{held.token[:-1]}!"):
        assert refusal(partial(claim_guest, other, wrong)) == "GUEST_TOKEN_INVALID"
    assert prepaid(held.id) == (100, 10, 0)
    assert get_user(held.id) is not None
    assert differences() == []


def test_guest_whose_holds_are_over_can_be_claimed() -> None:
    guest, owner = Guest(100), new_owner()
    long_ago = clock.now() - timedelta(hours=1)
    holds.place_hold(guest.id, 100, reason=None, lifetime=LIFETIME, at=long_ago)

    assert claim_guest(owner, guest.token).moved.prepaid == 100
    assert differences() == []


def test_two_users_who_claim_one_guest_at_once_are_one() -> None:
    for _ in range(3):
        guest, owners = Guest(100), [new_owner() for _ in range(8)]

        outcomes = run_together([partial(claim_guest, owner, guest.token) for owner in owners])

        assert sorted(map(type_of, outcomes)) == ["Claim"] + ["GUEST_CLAIMED"] * 7
        assert sum(balance(owner.user_id) for owner in owners) == 100
    assert differences() == []


def type_of(outcome: object) -> str:
    return outcome.code if isinstance(outcome, AppError) else type(outcome).__name__


def test_one_user_who_claims_often_at_once_gets_the_credits_once() -> None:
    guest, owner = Guest(100), new_owner()

    outcomes = run_together([partial(claim_guest, owner, guest.token)] * 8)

    moved = [one.moved.prepaid for one in outcomes if isinstance(one, Claim)]
    assert sorted(moved) == [0] * 7 + [100]
    assert prepaid(owner.user_id) == (100, 0, 0)
    assert differences() == []


@pytest.mark.parametrize("rival", ["purchase", "spend", "hold", "registration"])
def test_nothing_is_lost_or_doubled_whatever_meets_a_claim(rival: str) -> None:
    for number in range(4):
        guest, owner = Guest(100), new_owner()
        meeting = {
            "purchase": partial(meet_purchase, guest.id, f"cs_{number}"),
            "spend": partial(meet_spend, guest.owner),
            "hold": partial(meet_hold, guest.id),
            "registration": partial(meet_registration, guest.token),
        }[rival]()
        release()

        actions: list[Callable[[], Any]] = [partial(claim_guest, owner, guest.token)]
        claim, other = run_together([*actions, meeting.action])

        assert meeting.is_right(claim, other)
        there = balance(guest.id) + balance(owner.user_id)
        assert there == meeting.expected(other)
        assert not isinstance(claim, Claim) or balance(guest.id) == 0
    assert differences() == []


@dataclass
class Meeting:
    """What happens beside a claim, how both may end, and how many prepaid credits are left."""

    action: Callable[[], Any]
    is_right: Callable[[object, object], bool]
    expected: Callable[[object], int]


def meet_purchase(guest_id: UUID, session: str) -> Meeting:
    return Meeting(
        partial(buy, guest_id, 500, session),
        lambda claim, bought: isinstance(claim, Claim) and isinstance(bought, UUID),
        lambda _: 600,
    )


def meet_spend(guest: Owner) -> Meeting:
    return Meeting(
        partial(spend, guest, 30),
        lambda claim, _: isinstance(claim, Claim),
        # Five of the day and the rest of those that were paid for, or nothing.
        lambda spent: 100 if isinstance(spent, PaymentRequired) else 75,
    )


def meet_hold(guest_id: UUID) -> Meeting:
    place = partial(holds.place_hold, reason=None, lifetime=LIFETIME, at=clock.now())
    return Meeting(
        partial(place, guest_id, 60),
        lambda claim, held: isinstance(claim, Conflict) != isinstance(held, PaymentRequired),
        lambda _: 100,
    )


def meet_registration(token: str) -> Meeting:
    return Meeting(
        partial(
            register,
            email=new_email(),
            password=PASSWORD,
            guest=authenticate(token),
            client=Client(),
            key=b"k" * 32,
        ),
        lambda claim, registered: (
            isinstance(claim, Invalid) != isinstance(registered, Unauthorized)
        ),
        lambda _: 100,
    )


def balance(user_id: UUID) -> int:
    account = get_credit_account(user_id)
    release()
    return account["credits_balance"] if account else 0
