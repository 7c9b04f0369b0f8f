"""What people may spend, on each engine: exact whoever else is at it, and whatever day it is."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from app import clock
from app.errors import Conflict, NotFound, PaymentRequired
from app.models import (
    find_and_lock_credit_account,
    get_credit_account,
    get_db,
    get_wallet,
    hold_prepaid_credits,
    lock_daily_credits,
    release,
    take_prepaid_credits,
    transaction,
    update_credit_account,
)
from app.usecases import corrections, holds, spending, wallet
from app.usecases.allowances import Allowances, Owner
from app.vocabulary import UserType
from bilayer.runtime import Database
from bilayer.runtime.errors import PoolTimeout, SerializationFailure
from tests.factories import make_guest, make_user
from tests.support.credits import differences, give, seize
from tests.support.threads import released, run_together, wait_until

pytestmark = pytest.mark.usefixtures("database")

ALLOWANCES = Allowances(user=20, guest=5)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TOMORROW = NOON + timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
THREADS = 32


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    """Let it be noon, unless a test says otherwise."""
    with clock.frozen(NOON):
        yield


def user_with(prepaid: int = 0, *, daily: int = 20) -> Owner:
    """Return somebody who has that much to spend."""
    owner = ALLOWANCES.owner(make_user()["id"], UserType.INDIVIDUAL)
    wallet.credits_of(owner)
    if daily < 20:
        spending.spend(owner, 20 - daily)
    if prepaid:
        give(owner.user_id, prepaid)
    return owner


def ledger_of(user_id: UUID, transaction_type: str | None = None) -> list[tuple[Any, ...]]:
    db = get_db()
    rows = db(db.credit_transactions.user_id == user_id).dicts(orderby=db.credit_transactions.id)
    return [
        (row["bucket"], row["amount"], row["balance_after"], row["reference"])
        for row in rows
        if transaction_type in (None, row["transaction_type"])
    ]


def available(owner: Owner) -> tuple[int, int]:
    found = wallet.credits_of(owner)
    return found.daily.available, found.prepaid.available


def together(actions: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do all at once. Who finds no connection comes again, as clients are told to."""

    def insist(action: Callable[[], Any]) -> Any:
        while True:
            try:
                return action()
            except PoolTimeout:
                continue

    return run_together([partial(insist, action) for action in actions])


def count_outcomes(outcomes: list[Any]) -> dict[str, int]:
    """Count results by class, and failures by theirs."""
    return dict(Counter(type(outcome).__name__ for outcome in outcomes))


@contextmanager
def watched(owner: Owner) -> Iterator[list[tuple[int, int]]]:
    """Compare both balances with the ledger, in a snapshot each time, until the block ends.

    The list has every pair of balances that was seen, and differences as (balance, sum).
    """
    is_over = threading.Event()
    seen: list[tuple[int, int]] = []

    def watch() -> None:
        while not is_over.is_set():
            with transaction("REPEATABLE READ", readonly=True):
                row = get_wallet(owner.user_id) or {}
                sums: Counter[str] = Counter()
                for bucket, amount, *_ in ledger_of(owner.user_id):
                    sums[bucket] += amount
            seen.append((row["credits_balance"] - sums["prepaid"], row["credits_balance"]))
            seen.append((row["available_credits"] - sums["daily"], row["available_credits"]))
        release()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield seen
    finally:
        is_over.set()
        watcher.join()


def spend_times(owner: Owner, times: int) -> int:
    """Spend one credit again and again; return how often there was one."""
    made = 0
    for _ in range(times):
        try:
            spending.spend(owner, 1)
            made += 1
        except PaymentRequired:
            pass
    return made


# -- at once


def test_prepaid_credits_are_spent_exactly_once_by_many_at_once() -> None:
    owner = user_with(100, daily=0)

    with watched(owner) as seen:
        made = together([partial(spend_times, owner, 4)] * THREADS)

    assert sum(n for n in made if isinstance(n, int)) == 100, made
    assert available(owner) == (0, 0)
    assert seen
    assert [pair for pair in seen if pair[0] != 0 or pair[1] < 0] == []
    after = sorted(row[2] for row in ledger_of(owner.user_id, "spend") if row[0] == "prepaid")
    assert after == list(range(100))


def test_new_day_fills_the_allowance_once_for_many_who_spend_first() -> None:
    owner = user_with(daily=3)

    with clock.frozen(MIDNIGHT):
        outcomes = together([partial(spending.spend, owner, 1)] * THREADS)
        left = available(owner)

    assert count_outcomes(outcomes) == {"Spending": 20, "PaymentRequired": 12}
    assert left == (0, 0)
    resets = ledger_of(owner.user_id, "daily_reset")
    assert resets == [("daily", 20, 20, "2026-11-20"), ("daily", 17, 20, "2026-11-21")]
    assert differences() == []


@pytest.mark.parametrize("first", [wallet.credits_of, partial(spending.spend, amount=1)])
def test_first_touch_by_many_makes_one_allowance(first: Callable[..., Any]) -> None:
    owner = ALLOWANCES.owner(make_user()["id"], UserType.INDIVIDUAL)

    outcomes = together([partial(first, owner)] * 16)

    assert [one for one in outcomes if isinstance(one, Exception)] == []
    assert ledger_of(owner.user_id, "daily_reset") == [("daily", 20, 20, "2026-11-20")]
    assert differences() == []


LOCK_WAITS = {
    "postgresql": "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND wait_event_type = 'Lock'",
    # MariaDB looks again only if nobody has asked for a tenth of a second.
    "mariadb": "SELECT count(*) + 0 * SLEEP(0.15) FROM information_schema.innodb_trx t"
    " JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id"
    " WHERE p.db = DATABASE() AND t.trx_state = 'LOCK WAIT'",
}
"""How many transactions of this database wait for a lock."""


def test_spend_that_was_too_slow_keeps_nobody_waiting(engine: str, database_url: str) -> None:
    if engine == "sqlite":
        pytest.skip("one lock for all writers: nobody plans while others write")
    owner = user_with(10, daily=0)
    has_locked, is_gone = threading.Event(), threading.Event()
    watcher = sa.create_engine(database_url, isolation_level="AUTOCOMMIT")

    def is_waiting() -> bool:
        with watcher.connect() as connection:
            return bool(connection.scalar(sa.text(LOCK_WAITS[engine])))

    # No units of work: what fails here is not tried again.
    def spend() -> None:
        with transaction():
            spending.spend(owner, 10)

    def settle() -> None:
        with transaction():
            lock_daily_credits(owner.user_id, NOON)
            has_locked.set()
            assert is_gone.wait(10)
            wait_until(lambda: spender.done() or is_waiting())
            find_and_lock_credit_account(owner.user_id)

    with ThreadPoolExecutor(2) as pool:
        with transaction():
            take_prepaid_credits(owner.user_id, 5)
            spender = pool.submit(released, spend)
            wait_until(is_waiting)
            settler = pool.submit(released, settle)
            assert has_locked.wait(10)
        is_gone.set()
        failures = [thread.exception(30) for thread in (spender, settler)]
    watcher.dispose()

    assert [type(failure) for failure in failures] == [SerializationFailure, type(None)]
    assert available(owner) == (0, 5)


def test_spends_grants_and_refunds_at_once_leave_the_books_right() -> None:
    owner = user_with(40, daily=10)
    spent = spending.spend(owner, 15)  # 10 of the day, 5 prepaid

    with watched(owner) as seen:
        outcomes = together(
            [partial(spend_times, owner, 3)] * 12
            + [partial(corrections.refund_spend, owner, spent.spend_id, reason="Broken")] * 8
            + [partial(corrections.grant, owner, 2, reason="Sorry")] * 8
            + [partial(corrections.grant, owner, -1, reason="Mistake")] * 4
        )

    made = sum(one for one in outcomes if isinstance(one, int))
    refunds, grants, taken = outcomes[12:20], outcomes[20:28], outcomes[28:]
    assert count_outcomes(refunds) == {"Change": 1, "Conflict": 7}
    assert {one.code for one in refunds if isinstance(one, Conflict)} == {"ALREADY_REFUNDED"}
    assert count_outcomes(grants) == {"Change": 8}
    given = 16 - count_outcomes(taken).get("Change", 0)
    assert sum(available(owner)) == 35 + 15 + given - made
    assert [pair for pair in seen if pair[0] != 0 or pair[1] < 0] == []
    assert differences() == []


# -- spending


def test_spend_takes_what_is_left_of_the_day_and_the_rest_of_prepaid_credits() -> None:
    owner = user_with(100, daily=7)

    spent = spending.spend(owner, 10, description="Two slides")

    assert (spent.credits.daily.available, spent.credits.prepaid.balance) == (0, 97)
    assert available(owner) == (0, 97)
    reference = str(spent.spend_id)
    assert ledger_of(owner.user_id)[-2:] == [
        ("daily", -7, 0, reference),
        ("prepaid", -3, 97, reference),
    ]
    assert len(spent.transaction_ids) == 2


def test_too_little_changes_nothing_and_tells_what_there_is() -> None:
    owner = user_with(100, daily=7)
    hold_prepaid_credits(owner.user_id, 90)
    before = ledger_of(owner.user_id)

    with pytest.raises(PaymentRequired) as refusal:
        spending.spend(owner, 18)

    assert refusal.value.facts == {"available": 17, "requested": 18, "resets_at": MIDNIGHT}
    assert available(owner) == (7, 10)
    assert ledger_of(owner.user_id) == before
    assert spending.spend(owner, 17).credits.total == 0


def test_refused_spend_of_a_new_day_fills_nothing() -> None:
    owner = user_with(daily=3)

    with clock.frozen(TOMORROW), pytest.raises(PaymentRequired) as refusal:
        spending.spend(owner, 21)

    assert refusal.value.facts["available"] == 20
    assert len(ledger_of(owner.user_id, "daily_reset")) == 1


def test_spend_needs_few_statements(database: Database) -> None:
    owner = user_with(100)
    sent: list[str] = []
    send = database._adapter.send

    def noting(cursor: Any, sql: str, parameters: Any) -> Any:
        sent.append(sql.split(maxsplit=1)[0])
        return send(cursor, sql, parameters)

    database._adapter.send = noting
    spending.spend(owner, 19)
    of_one_bucket = len(sent)
    spending.spend(owner, 2)

    # Read, take, append, commit; another bucket is one statement more.
    expected = {
        "postgresql": (3, 4),  # It begins with the first and appends with the last.
        "sqlite": (5, 6),
        "mysql": (6, 8),  # Its update gives nothing back: update, read.
    }[database.engine_name]
    assert (of_one_bucket, len(sent) - of_one_bucket) == expected


def test_holds_whose_time_is_over_are_spent_again() -> None:
    owner = user_with(10, daily=0)
    holds.place_hold(owner.user_id, 10, reason=None, lifetime=timedelta(minutes=1), at=NOON)

    with pytest.raises(PaymentRequired):
        spending.spend(owner, 5)
    with clock.frozen(NOON + timedelta(minutes=1)):
        spending.spend(owner, 5)
        found = wallet.credits_of(owner)

    assert (found.prepaid.balance, found.prepaid.held) == (5, 0)
    assert differences() == []


# -- days


def test_allowance_of_a_day_that_nobody_used_is_filled_without_a_row() -> None:
    owner = user_with()

    with clock.frozen(TOMORROW):
        found = wallet.credits_of(owner)

    assert (found.daily.available, found.daily.resets_at) == (20, MIDNIGHT + timedelta(days=1))
    assert ledger_of(owner.user_id) == [("daily", 20, 20, "2026-11-20")]
    assert get_wallet(owner.user_id)["last_reset_timestamp"] == TOMORROW


def test_day_begins_at_midnight_and_never_again() -> None:
    owner = user_with(daily=1)

    with clock.frozen(MIDNIGHT - timedelta(microseconds=1)):
        assert available(owner) == (1, 0)
    with clock.frozen(MIDNIGHT):
        spending.spend(owner, 5)
    with clock.frozen(MIDNIGHT - timedelta(microseconds=1)):  # Another machine's clock is slower.
        assert available(owner) == (15, 0)
        spending.spend(owner, 5)
    with clock.frozen(MIDNIGHT + timedelta(hours=23)):
        assert available(owner) == (10, 0)


def test_allowance_follows_the_settings_on_the_next_day() -> None:
    owner = user_with(daily=15)
    poorer = Owner(owner.user_id, is_guest=False, allowance=10)

    assert available(poorer) == (15, 0)
    with clock.frozen(TOMORROW):
        assert available(poorer) == (10, 0)

    assert ledger_of(owner.user_id, "daily_reset")[-1] == ("daily", -5, 10, "2026-11-21")


def test_guest_who_becomes_a_user_has_the_difference_on_the_same_day() -> None:
    user_id = make_guest()["id"]
    guest = ALLOWANCES.owner(user_id, UserType.GUEST)
    spending.spend(guest, 4)
    user = ALLOWANCES.owner(user_id, UserType.INDIVIDUAL)

    outcomes = together([partial(spending.spend, user, 2)] * 4 + [partial(available, guest)])

    assert count_outcomes(outcomes[:4]) == {"Spending": 4}
    assert ledger_of(user_id, "registration") == [("daily", 15, 16, "2026-11-20")]
    found = wallet.credits_of(user)
    assert (found.daily.available, found.daily.max) == (8, 20)
    assert spending.spend(guest, 8).credits.total == 0  # A token that was looked at before.


# -- reading alone


def foreseen_and_settled(owner: Owner) -> tuple[wallet.Credits, wallet.Credits]:
    with transaction(readonly=True):
        foreseen = wallet.credits_of(owner)
    return foreseen, wallet.credits_of(owner)


def test_request_that_began_as_a_guests_and_ends_tomorrow_is_in_nobodys_way() -> None:
    user_id = make_guest()["id"]
    guest = ALLOWANCES.owner(user_id, UserType.GUEST)
    user = ALLOWANCES.owner(user_id, UserType.INDIVIDUAL)
    wallet.credits_of(guest)
    wallet.credits_of(user)

    with clock.frozen(TOMORROW):
        spending.spend(guest, 1)

        assert available(user) == (19, 0)
        assert available(user) == (19, 0)
    assert differences() == []


def test_who_may_only_read_is_told_what_would_be() -> None:
    fresh = ALLOWANCES.owner(make_user()["id"], UserType.INDIVIDUAL)
    used = user_with(30, daily=2)
    registered = ALLOWANCES.owner(make_guest()["id"], UserType.GUEST)
    spending.spend(registered, 5)
    registered = Owner(registered.user_id, is_guest=False, allowance=20)
    holds.place_hold(used.user_id, 30, reason=None, lifetime=timedelta(hours=1), at=NOON)
    seize(used.user_id, 12)

    told = [foreseen_and_settled(owner) for owner in (fresh, used, registered)]
    with clock.frozen(TOMORROW):
        told.append(foreseen_and_settled(used))

    assert [foreseen for foreseen, _ in told] == [settled for _, settled in told]
    assert [settled.total for _, settled in told] == [20, 2, 15, 20 + 18]
    assert differences() == []


# -- corrections


def test_refund_goes_back_to_where_it_came_from_on_the_same_day() -> None:
    owner = user_with(100, daily=7)
    spent = spending.spend(owner, 10)

    change = corrections.refund_spend(owner, spent.spend_id, reason="Broken")

    assert (change.credits.daily.available, change.credits.prepaid.balance) == (7, 100)
    assert ledger_of(owner.user_id, "refund") == [
        ("daily", 7, 7, str(spent.spend_id)),
        ("prepaid", 3, 100, str(spent.spend_id)),
    ]


def test_day_that_another_clock_has_begun_is_over_for_refunds_too() -> None:
    owner = user_with(10)
    with clock.frozen(MIDNIGHT - timedelta(seconds=9)):
        spent = spending.spend(owner, 25)
    with clock.frozen(MIDNIGHT):
        wallet.credits_of(owner)

    with clock.frozen(MIDNIGHT - timedelta(seconds=8)):
        told = wallet.credits_of(owner)
        corrections.refund_spend(owner, spent.spend_id, reason="Sorry")

        assert told.daily.resets_at == MIDNIGHT + timedelta(days=1)
        assert available(owner) == (20, 10)
    assert differences() == []


def test_refund_of_a_former_day_gives_prepaid_credits_back_alone() -> None:
    owner = user_with(100, daily=7)
    mixed, daily_alone = spending.spend(owner, 10), user_with()
    lapsed = spending.spend(daily_alone, 1)

    with clock.frozen(TOMORROW):
        change = corrections.refund_spend(owner, mixed.spend_id, reason="Broken")
        with pytest.raises(Conflict) as refusal:
            corrections.refund_spend(daily_alone, lapsed.spend_id, reason="Broken")

    assert (change.credits.daily.available, change.credits.prepaid.balance) == (20, 100)
    assert len(change.transaction_ids) == 1
    assert refusal.value.code == "REFUND_LAPSED"
    assert differences() == []


def test_refund_of_the_day_alone_makes_no_prepaid_credits() -> None:
    owner = user_with()
    spent = spending.spend(owner, 3)

    with clock.frozen(MIDNIGHT - timedelta(microseconds=1)):
        change = corrections.refund_spend(owner, spent.spend_id, reason="Broken")

    assert (change.credits.daily.available, change.credits.prepaid.balance) == (20, 0)


def test_refund_pays_what_is_owed_first() -> None:
    owner = user_with(10, daily=0)
    spent = spending.spend(owner, 10)
    seize(owner.user_id, 4)

    change = corrections.refund_spend(owner, spent.spend_id, reason="Broken")

    assert (change.credits.prepaid.balance, change.credits.prepaid.debt) == (6, 0)
    assert differences() == []


@pytest.mark.parametrize("whose", ["nobody's", "another's"])
def test_spend_that_the_account_has_not_made_is_not_refunded(whose: str) -> None:
    owner, other = user_with(), user_with()
    spend_id = uuid4() if whose == "nobody's" else spending.spend(other, 1).spend_id

    with pytest.raises(NotFound) as refusal:
        corrections.refund_spend(owner, spend_id, reason="Broken")

    assert refusal.value.code == "SPEND_NOT_FOUND"


def test_grant_takes_no_more_than_can_be_spent() -> None:
    owner = user_with(10)
    hold_prepaid_credits(owner.user_id, 4)

    with pytest.raises(PaymentRequired) as refusal:
        corrections.grant(owner, -7, reason="Mistake")
    change = corrections.grant(owner, -6, reason="Mistake")

    assert refusal.value.facts["available"] == 6
    assert (change.credits.prepaid.balance, change.credits.daily.available) == (4, 20)


def test_nothing_is_given_to_a_guest_that_was_claimed_in_between() -> None:
    guest = ALLOWANCES.owner(make_guest()["id"], UserType.GUEST)
    give(guest.user_id, 5)
    update_credit_account(guest.user_id, claimed_by=make_user()["id"])

    with pytest.raises(NotFound) as refusal:
        corrections.grant(guest, 5, reason="Sorry")

    assert refusal.value.code == "USER_NOT_FOUND"
    assert (get_credit_account(guest.user_id) or {})["credits_balance"] == 5
