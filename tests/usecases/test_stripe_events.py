"""What Stripe tells counts once, in any order, however often, from several threads at once."""

from functools import partial
from itertools import permutations
from typing import Any

import pytest

from app import clock
from app.models import get_credit_account, get_db, list_purchases, lock_stripe_objects, transaction
from app.usecases import stripe_events
from app.usecases.ledger import Cause, debit_prepaid
from app.usecases.stripe_events import Outcome
from app.usecases.work import unit_of_work
from app.vocabulary import TransactionType, UnmatchedReason
from bilayer.runtime import Database
from tests.factories import make_guest, make_user
from tests.fakes import PERSON, Payment
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")


def event_of(document: dict[str, Any]) -> stripe_events.Event:
    """Return an event as the HTTP edge hands it over."""
    return stripe_events.Event(
        id=document["id"],
        type=document["type"],
        is_live=document["livemode"],
        created_at=clock.now(),
        object=document["data"]["object"],
    )


def take(document: dict[str, Any], *, is_live: bool = False) -> stripe_events.Result:
    return stripe_events.take_event(event_of(document), is_live=is_live)


def credits_of(user: dict[str, Any]) -> tuple[int, int]:
    """Return balance and debt."""
    account = get_credit_account(user["id"]) or {"credits_balance": 0, "debt": 0}
    return account["credits_balance"], account["debt"]


def ledger_of(user: dict[str, Any]) -> dict[str, int]:
    """Return the sum of each bucket of the ledger."""
    table = get_db().credit_transactions
    sums: dict[str, int] = {}
    for row in get_db()(table.user_id == user["id"]).dicts():
        sums[row["bucket"]] = sums.get(row["bucket"], 0) + row["amount"]
    return sums


@unit_of_work
def spend(user: dict[str, Any], amount: int) -> None:
    cause = Cause(TransactionType.SPEND, f"spend-{amount}", clock.now())
    assert debit_prepaid(user["id"], amount, cause) is not None


def test_one_event_delivered_twenty_times_at_once_credits_once() -> None:
    user = make_user()
    event = event_of(Payment(user["id"]).paid())

    results = run_together([lambda: stripe_events.take_event(event, is_live=False)] * 20)

    outcomes = [result.outcome for result in results if not isinstance(result, Exception)]
    assert sorted(outcomes) == [Outcome.ALREADY_PROCESSED] * 19 + [Outcome.PROCESSED]
    assert credits_of(user) == (100, 0)
    assert ledger_of(user) == {"prepaid": 100}


def test_different_events_of_a_session_at_once_credit_once() -> None:
    user = make_user()
    payment = Payment(user["id"])
    events = [payment.paid(), payment.arrived(), payment.paid(), payment.refunded(300)] * 3

    results = run_together([partial(take, event) for event in events])

    assert [result for result in results if isinstance(result, Exception)] == []
    assert credits_of(user) == (70, 0)
    assert len(list_purchases(user["id"], limit=9)) == 1
    assert stripe_events.list_stripe_events(state="unmatched", limit=9) == []


def test_every_order_of_the_events_of_a_payment_ends_the_same(engine: str) -> None:
    final = set()
    # Which orders there are is the same everywhere; a server takes its time.
    orders = list(permutations(range(5)))[:: 1 if engine == "sqlite" else 7]

    for order in orders:
        user = make_user()
        payment = Payment(user["id"])
        events = [
            payment.unpaid(),
            payment.arrived(),
            payment.refunded(250),
            payment.dispute("needs_response", cents=500),
            payment.dispute("won", cents=500, event="closed"),
        ]
        for index in order:
            take(events[index])
        [purchase] = list_purchases(user["id"], limit=2)
        final.add(
            (
                credits_of(user),
                purchase["refunded_cents"],
                purchase["disputed_cents"],
                purchase["credits_reversed"],
                str(ledger_of(user)),
            )
        )

    assert final == {((75, 0), 250, 0, 25, "{'prepaid': 75}")}
    assert stripe_events.list_stripe_events(state="unmatched", limit=9) == []


def test_unpaid_sessions_credit_nothing_until_the_money_arrives() -> None:
    user = make_user()
    arriving, failing = Payment(user["id"]), Payment(user["id"])

    outcomes = [take(event).outcome for event in (arriving.unpaid(), failing.unpaid())]
    assert credits_of(user) == (0, 0)
    outcomes += [take(event).outcome for event in (failing.failed(), arriving.arrived())]

    assert set(outcomes) == {Outcome.PROCESSED}
    assert credits_of(user) == (100, 0)


def test_refund_of_credits_that_are_spent_is_owed_and_the_next_purchase_pays_it() -> None:
    user = make_user()
    payment = Payment(user["id"])
    take(payment.paid())
    spend(user, 80)

    take(payment.refunded(1000))
    assert credits_of(user) == (0, 80)
    take(Payment(user["id"], credits="50").paid())
    assert credits_of(user) == (0, 30)
    take(Payment(user["id"], credits="50").paid())

    assert credits_of(user) == (20, 0)
    assert ledger_of(user) == {"prepaid": 20, "debt": 0}


def test_partial_refunds_add_up_however_they_are_told() -> None:
    user = make_user()
    payment = Payment(user["id"], credits="10", cents=999)
    take(payment.paid())

    seen = []
    for event in (
        payment.refund(333, name="a", event="created"),
        payment.refunded(333),
        payment.refund(333, name="b", event="charge.refund.updated"),
        payment.refunded(666),
        payment.refunded(333),
        payment.refund(333, name="c"),
    ):
        take(event)
        seen.append(credits_of(user)[0])

    assert seen == [7, 7, 4, 4, 4, 0]


def test_refund_that_fails_gives_back_what_it_took() -> None:
    user = make_user()
    payment = Payment(user["id"])
    take(payment.paid())

    for event in (payment.refund(1000, "pending", event="created"), payment.refunded(1000)):
        take(event)
    assert credits_of(user) == (0, 0)
    take(payment.refund(1000, "failed", event="failed"))
    take(payment.refund(1000, "pending"))

    assert credits_of(user) == (100, 0)


@pytest.mark.parametrize(
    ("status", "balance"),
    [
        ("warning_needs_response", 100),
        ("warning_closed", 100),
        ("needs_response", 0),
        ("under_review", 0),
        ("lost", 0),
        ("prevented", 100),
        ("won", 100),
    ],
)
def test_dispute_takes_credits_while_the_money_is_gone(status: str, balance: int) -> None:
    user = make_user()
    payment = Payment(user["id"])
    take(payment.paid())
    take(payment.dispute("warning_needs_response", event="created"))

    take(payment.dispute(status, event="funds_withdrawn"))

    assert credits_of(user) == (balance, 0)


def test_dispute_that_is_won_reinstates_and_pays_what_was_owed() -> None:
    user = make_user()
    payment = Payment(user["id"])
    take(payment.paid())
    spend(user, 60)

    take(payment.dispute("needs_response", event="created"))
    assert credits_of(user) == (0, 60)
    take(payment.dispute("won", event="funds_reinstated"))
    take(payment.dispute("won", event="closed"))

    assert credits_of(user) == (40, 0)


def test_no_more_is_taken_back_than_was_bought() -> None:
    user = make_user()
    payment = Payment(user["id"])
    take(payment.paid())

    take(payment.refunded(1000))
    take(payment.dispute("lost"))

    assert credits_of(user) == (0, 0)


def test_payment_is_credited_for_one_session_only() -> None:
    user = make_user()
    payment = Payment(user["id"])
    first, second = payment.paid(), payment.paid(id="cs_test_another")

    results = run_together([partial(take, event) for event in [first, second] * 4])

    reasons = [result.reason for result in results if isinstance(result, stripe_events.Result)]
    assert sorted(reasons, key=str) == [None] * 4 + [UnmatchedReason.PAYMENT_CREDITED] * 4
    assert credits_of(user) == (100, 0)
    take(payment.refunded(500))
    assert credits_of(user) == (50, 0)


@pytest.mark.parametrize("status", ["paid", "no_payment_required"])
def test_purchase_without_money_credits_and_has_nothing_to_give_back(status: str) -> None:
    user = make_user()
    payment = Payment(user["id"], cents=0)

    result = take(payment.paid(status=status, payment_intent=None))

    assert result.outcome is Outcome.PROCESSED
    assert credits_of(user) == (100, 0)


def test_event_about_nobody_waits_until_they_exist_and_is_replayed() -> None:
    user = make_user()
    table = get_db().users
    get_db()(table.id == user["id"]).delete()
    event = Payment(user["id"]).paid()

    assert take(event).reason is UnmatchedReason.UNKNOWN_USER
    assert take(event).outcome is Outcome.UNMATCHED
    row = {name: user[name] for name in table.fields if name in user}
    table.insert(**row | {"email_key": user["email"]})
    replayed = stripe_events.replay_event(event["id"], is_live=False)
    again = stripe_events.replay_event(event["id"], is_live=False)

    assert (replayed.outcome, again.outcome) == (Outcome.PROCESSED, Outcome.ALREADY_PROCESSED)
    assert take(event).outcome is Outcome.ALREADY_PROCESSED
    assert credits_of(user) == (100, 0)
    [kept] = stripe_events.list_stripe_events(limit=9)
    assert (kept["state"], kept["reason"], kept["attempts"]) == ("processed", None, 3)


def test_event_that_cannot_be_worked_off_says_why() -> None:
    user, deleted = make_user(), make_user()
    get_db()(get_db().users.id == deleted["id"]).update(is_deleted=True)
    session = {"livemode": True}

    reasons = [
        take(event).reason
        for event in (
            Payment(None).paid(),
            Payment("ada@example.com").paid(),
            Payment(deleted["id"]).paid(),
            *(
                Payment(user["id"], credits=text).paid()
                for text in (None, "", "0", "-5", "1.5", "1e3", "٣", "10 ", 100, "9" * 400)
            ),
            Payment(user["id"]).paid(amount_total="10"),
            Payment(user["id"]).paid(amount_total=True),
            Payment(user["id"]).paid(amount_total=2**63 - 1),
            Payment(user["id"]).paid(currency="dollars"),
            *(
                Payment(user["id"]).paid(payment_status=status)
                for status in (None, "", "Paid", "no_payment_required", True, 5, ["paid"])
            ),
            *(
                Payment(user["id"]).paid(payment_intent=intent)
                for intent in (None, "", 5, "pi é", {"id": "pi_1"})
            ),
            Payment(user["id"]).refunded(10) | {"livemode": True},
            Payment(user["id"]).paid(**session) | session,
            Payment(user["id"]).refunded(10),
            Payment(user["id"]).dispute("lost"),
            Payment(user["id"]).refund(-1),
        )
    ]

    assert reasons == [
        *[UnmatchedReason.NO_USER] * 2,
        UnmatchedReason.DELETED_USER,
        *[UnmatchedReason.BAD_CREDITS] * 10,
        *[UnmatchedReason.MALFORMED] * 16,
        *[UnmatchedReason.OTHER_LIVEMODE] * 2,
        *[UnmatchedReason.NO_PURCHASE] * 2,
        UnmatchedReason.MALFORMED,
    ]
    assert credits_of(user) == (0, 0)


def test_unknown_events_are_kept_and_change_nothing() -> None:
    event = Payment(None).paid() | {"type": "customer.created"}

    assert take(event).outcome is Outcome.PROCESSED
    assert stripe_events.list_stripe_events(limit=9)[0]["payload"] == {
        "id": event["data"]["object"]["id"],
        "object": "checkout.session",
    }


def test_what_identifies_people_is_not_kept() -> None:
    user = make_user()
    payment = Payment(user["id"])
    for event in (payment.paid(), payment.refunded(5), payment.dispute("lost")):
        take(event)

    kept = str(stripe_events.list_stripe_events(limit=9))

    assert PERSON not in kept
    assert "ada@example.com" not in kept
    assert payment.session_id in kept


def test_customer_is_kept_beside_the_credits_and_nowhere_else(database: Database) -> None:
    user = make_user()
    payment = Payment(user["id"])

    take(payment.paid())

    account = get_credit_account(user["id"])
    assert account is not None
    assert account["stripe_customer_id"] == payment.session()["customer"]
    # What is kept of events outlives the person, whose customer would lead to them.
    assert payment.session()["customer"] not in repr(
        database.dal(database.dal.stripe_events).dicts()
    )


def test_purchases_of_a_guest_who_was_claimed_are_those_of_the_claimant(
    database: Database,
) -> None:
    guest, user = make_guest(), make_user()
    early, late = Payment(guest["id"], credits="10"), Payment(guest["id"], credits="30")
    take(early.paid())
    accounts = database.dal.credit_accounts
    database.dal(accounts.user_id == guest["id"]).update(claimed_by=user["id"], credits_balance=0)
    database.dal(database.dal.users.id == guest["id"]).update(is_deleted=True)

    take(late.paid())
    take(early.refunded(1000))

    assert credits_of(user) == (20, 0)
    assert [row["credits_added"] for row in list_purchases(user["id"], limit=9)] == [30]


def test_objects_outside_are_claimed_once() -> None:
    user = make_user()
    payment = Payment(user["id"])
    for event in (payment.paid(), payment.arrived(), payment.refunded(5), payment.refunded(9)):
        take(event)

    with transaction():
        objects = lock_stripe_objects(payment.intent_id)

    assert [(row["kind"], row["amount_cents"]) for row in objects] == [
        ("charge", 9),
        ("checkout_session", 1000),
    ]
