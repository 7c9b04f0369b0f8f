"""How failures to sign in are counted, and what they cost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from prometheus_client import REGISTRY

from app import clock
from app.errors import AppError, TooManyRequests, Unauthorized, Unavailable
from app.models import get_db, lock_user, transaction
from app.usecases import passwords
from app.usecases.counters import Limit
from app.usecases.lockout import (
    ACCOUNT_LIMIT,
    ADDRESS_LIMIT,
    GUESS_LIMIT,
    Attempt,
    claim_attempt,
    forgive_attempt,
)
from app.usecases.rates import SIGN_UP_LIMIT, claim_sign_up
from app.usecases.registration import register
from app.usecases.sessions import Client
from app.usecases.signing_in import SignedIn, login
from tests.factories import PASSWORD, make_user, new_email
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HERE = "192.0.2.1"


def wait_after(attempt: Callable[[], object], at: datetime = NOON) -> int:
    """Return how many seconds a further attempt would have to wait."""
    with clock.frozen(at):
        try:
            attempt()
        except TooManyRequests as refused:
            return refused.retry_after
    return 0


def guess_from(address: str | None) -> Attempt:
    """Guess at an account that nobody has guessed at before."""
    return claim_attempt(None, new_email(), address)


def fill(attempt: Callable[[], object], limit: Limit, at: datetime = NOON) -> datetime:
    """Attempt until the lock is the longest, and return when that lock ends."""
    for _ in range(2 * limit.ceiling):
        wait = wait_after(attempt, at)
        at += timedelta(seconds=wait)
        if wait == limit.longest_lock.total_seconds():
            return at
    raise AssertionError("the lock never became the longest")


def test_first_guesses_are_free_and_then_the_wait_doubles() -> None:
    user = make_user()
    at = NOON
    waits: list[float] = []

    for _ in range(GUESS_LIMIT.free_attempts + 12):
        with clock.frozen(at):
            claim = claim_attempt(user["id"], user["email"], None).guess
        waits.append((claim.locked_until - at).total_seconds())
        at = claim.locked_until

    free = [0] * GUESS_LIMIT.free_attempts
    longest = GUESS_LIMIT.longest_lock.total_seconds()
    assert waits == [*free, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, longest, longest]


@pytest.mark.parametrize("address", [None, HERE])
def test_unknown_email_is_counted_exactly_as_a_known_one(address: str | None) -> None:
    user = make_user()
    unknown = new_email()
    known_waits: list[int] = []
    unknown_waits: list[int] = []

    for second in range(40):
        at = NOON + timedelta(seconds=second)
        known_waits.append(
            wait_after(lambda: claim_attempt(user["id"], user["email"], address), at)
        )
        unknown_waits.append(wait_after(lambda: claim_attempt(None, unknown, address), at))

    assert max(known_waits) > 0
    assert known_waits == unknown_waits


def test_unknown_email_is_counted_in_any_spelling_and_not_stored() -> None:
    for _ in range(GUESS_LIMIT.free_attempts):
        wait_after(lambda: claim_attempt(None, "Nobody@example.com", HERE))

    wait_after(lambda: claim_attempt(None, "NOBODY@example.com ", HERE))

    assert wait_after(lambda: claim_attempt(None, "nobody@EXAMPLE.com", HERE)) == 1
    stored = str(get_db()(get_db().login_attempts).dicts()).lower()
    assert "nobody" not in stored
    assert HERE not in stored


def test_attempt_that_is_refused_does_not_lengthen_the_wait() -> None:
    user = make_user()
    for _ in range(GUESS_LIMIT.free_attempts + 1):
        wait_after(lambda: claim_attempt(user["id"], user["email"], HERE))

    waits = [wait_after(lambda: claim_attempt(user["id"], user["email"], HERE)) for _ in range(5)]

    assert waits == [1] * 5


def test_right_password_lets_guesses_from_this_address_begin_anew() -> None:
    user = make_user()
    with clock.frozen(NOON):
        for _ in range(GUESS_LIMIT.free_attempts - 1):
            claim_attempt(user["id"], user["email"], HERE)

        forgive_attempt(claim_attempt(user["id"], user["email"], HERE))

    for _ in range(GUESS_LIMIT.free_attempts):
        assert wait_after(lambda: claim_attempt(user["id"], user["email"], HERE)) == 0


def test_guesses_from_elsewhere_do_not_keep_the_owner_out() -> None:
    user = make_user()
    at = fill(lambda: claim_attempt(user["id"], user["email"], "198.51.100.7"), GUESS_LIMIT)
    assert wait_after(lambda: claim_attempt(user["id"], user["email"], "198.51.100.7"), at) == 0

    with clock.frozen(at):
        signed_in = login(email=user["email"], password=PASSWORD, client=Client(HERE))

    assert signed_in.user["id"] == user["id"]


def test_guesses_from_many_addresses_meet_the_limit_of_the_account() -> None:
    user = make_user()
    waits = [
        wait_after(lambda n=n: claim_attempt(user["id"], user["email"], f"198.51.100.{n}"))  # type: ignore[misc]  # a default binds the loop's value
        for n in range(ACCOUNT_LIMIT.free_attempts + 2)
    ]

    assert waits == [0] * (ACCOUNT_LIMIT.free_attempts + 1) + [1]


def test_right_passwords_lock_nobody_behind_their_address_however_often_they_come() -> None:
    ada, bob = make_user(), make_user()
    at = fill(lambda: guess_from(HERE), ADDRESS_LIMIT)

    for _ in range(5):
        for user in (ada, bob):
            with clock.frozen(at):
                forgive_attempt(claim_attempt(user["id"], user["email"], HERE))

    assert wait_after(lambda: guess_from(HERE), at) == 0
    assert wait_after(lambda: guess_from(HERE), at) == ADDRESS_LIMIT.longest_lock.total_seconds()


def test_right_password_gives_an_address_back_one_attempt_and_no_more() -> None:
    user = make_user()
    for _ in range(ADDRESS_LIMIT.free_attempts):
        assert wait_after(lambda: guess_from(HERE)) == 0

    with clock.frozen(NOON):
        forgive_attempt(claim_attempt(user["id"], user["email"], HERE))

    assert wait_after(lambda: guess_from(HERE)) == 0
    assert wait_after(lambda: guess_from(HERE)) == 1


def test_right_passwords_at_once_are_all_taken_back_and_a_wrong_one_is_not() -> None:
    users = [make_user() for _ in range(6)]
    guess_from(HERE)

    def sign_in(user: dict[str, Any]) -> None:
        forgive_attempt(claim_attempt(user["id"], user["email"], HERE))

    results = run_together([partial(sign_in, user) for user in users])

    assert results == [None] * 6
    counters = get_db()(get_db().login_attempts).dicts()
    # The wrong one counts for its e-mail, for the address, and for both together.
    assert sum(counter["failed"] for counter in counters) == 3
    assert sum(counter["failed"] for counter in get_db()(get_db().logins).dicts()) == 0


# MariaDB looks for the account first, and then for the counter, as everybody does.
@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_counting_waits_for_nobody_who_has_locked_the_account() -> None:
    user = make_user()
    claim_attempt(user["id"], user["email"], HERE)  # Later ones find the counters there.

    def sign_in() -> None:
        forgive_attempt(claim_attempt(user["id"], user["email"], HERE))

    with transaction():
        lock_user(user["id"])
        results = run_together([sign_in])

    assert results == [None]


def test_refund_leaves_the_lock_of_a_later_attempt() -> None:
    user = make_user()
    for _ in range(ADDRESS_LIMIT.free_attempts):
        assert wait_after(lambda: guess_from(HERE)) == 0
    with clock.frozen(NOON):
        attempt = claim_attempt(user["id"], user["email"], HERE)
    later = NOON + timedelta(seconds=1)
    assert wait_after(lambda: guess_from(HERE), later) == 0

    with clock.frozen(later):
        forgive_attempt(attempt)

    assert wait_after(lambda: guess_from(HERE), later) == 2


def test_attempts_at_once_by_machines_whose_clocks_differ_lock_nobody() -> None:
    with clock.frozen(NOON + timedelta(seconds=1)):
        guess_from(HERE)

    assert wait_after(lambda: guess_from(HERE)) == 0


@pytest.mark.parametrize(
    "limit", [GUESS_LIMIT, ADDRESS_LIMIT, SIGN_UP_LIMIT], ids=["guess", "address", "sign-up"]
)
def test_counter_heals_with_time_even_if_it_is_never_left_alone(limit: Limit) -> None:
    def attempt() -> None:
        if limit is GUESS_LIMIT:
            claim_attempt(None, "ada@example.com", None)
        elif limit is ADDRESS_LIMIT:
            guess_from(HERE)
        else:
            claim_sign_up(HERE)

    at = fill(attempt, limit)

    # More slowly than it forgets, and in no step with it.
    for _ in range(3 * (limit.ceiling - limit.free_attempts)):
        at += limit.longest_lock + 2.5 * limit.forgets_every
        assert wait_after(attempt, at) == 0

    assert wait_after(attempt, at) == 0


def test_right_passwords_do_not_keep_an_address_from_healing() -> None:
    user = make_user()
    at = fill(lambda: guess_from(HERE), ADDRESS_LIMIT)

    for _ in range(3 * (ADDRESS_LIMIT.ceiling - ADDRESS_LIMIT.free_attempts)):
        at += ADDRESS_LIMIT.forgets_every / 2
        with clock.frozen(at):
            forgive_attempt(claim_attempt(user["id"], user["email"], HERE))

    assert wait_after(lambda: guess_from(HERE), at) == 0
    assert wait_after(lambda: guess_from(HERE), at) == 0


def test_busy_service_counts_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()

    def refuse(*_: object) -> bool:
        raise Unavailable("BUSY", "Too many people are signing in.")

    with monkeypatch.context() as patch, clock.frozen(NOON):
        patch.setattr(passwords, "is_password", refuse)
        for _ in range(2 * GUESS_LIMIT.free_attempts):
            with pytest.raises(Unavailable):
                login(email=user["email"], password=PASSWORD, client=Client(HERE))

    for _ in range(GUESS_LIMIT.free_attempts):
        assert wait_after(lambda: claim_attempt(user["id"], user["email"], HERE)) == 0


def test_sign_ups_are_counted_per_address_whatever_comes_of_them() -> None:
    for _ in range(SIGN_UP_LIMIT.free_attempts + 1):
        assert wait_after(lambda: claim_sign_up(HERE)) == 0

    with clock.frozen(NOON), pytest.raises(TooManyRequests):
        register(email=new_email(), password=PASSWORD, client=Client(HERE), key=b"key")

    assert wait_after(lambda: claim_sign_up("192.0.2.99")) == 0
    assert get_db()(get_db().users).isempty()


def test_counters_that_nobody_touches_are_deleted_by_and_by() -> None:
    for _ in range(30):
        wait_after(lambda: guess_from(None))

    for _ in range(60):
        wait_after(lambda: guess_from(None), NOON + timedelta(days=2))

    rows = get_db()(get_db().login_attempts).dicts()
    old = [row for row in rows if row["updated_at"] < NOON + timedelta(days=1)]
    assert len(old) < 20


@pytest.mark.parametrize(
    ("first", "second", "is_shared"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("192.0.2.1", "192.0.2.2", False),
    ],
)
def test_addresses_of_one_customer_share_a_counter(
    first: str, second: str, is_shared: bool
) -> None:
    for _ in range(SIGN_UP_LIMIT.free_attempts + 1):
        wait_after(lambda: claim_sign_up(first))

    assert (wait_after(lambda: claim_sign_up(second)) > 0) is is_shared


def test_guesses_at_once_are_not_free() -> None:
    user = make_user()
    guess = Client(None)

    def attempt() -> SignedIn:
        return login(email=user["email"], password="wrong guess", client=guess)

    with clock.frozen(NOON):
        results = run_together([attempt] * 16)

    codes = sorted(error.code for error in results if isinstance(error, AppError))
    compared = GUESS_LIMIT.free_attempts + 1
    expected = ["INVALID_CREDENTIALS"] * compared + ["TOO_MANY_ATTEMPTS"] * (16 - compared)
    assert codes == expected


def test_locked_account_refuses_the_right_password_too_and_says_when_to_come_back() -> None:
    user = make_user()
    with clock.frozen(NOON):
        for _ in range(GUESS_LIMIT.free_attempts + 1):
            with pytest.raises(Unauthorized):
                login(email=user["email"], password="wrong guess", client=Client(HERE))

        with pytest.raises(TooManyRequests) as refused:
            login(email=user["email"], password=PASSWORD, client=Client(HERE))

    assert refused.value.retry_after == 1
    with clock.frozen(NOON + timedelta(seconds=1)):
        signed_in = login(email=user["email"], password=PASSWORD, client=Client(HERE))
    assert signed_in.user["id"] == user["id"]


def test_attempts_that_meet_a_lock_are_counted_for_the_operator() -> None:
    before = REGISTRY.get_sample_value("sign_in_locked_total") or 0
    user = make_user()

    with clock.frozen(NOON):
        for _ in range(GUESS_LIMIT.free_attempts + 1):
            claim_attempt(user["id"], user["email"], HERE)
        for _ in range(2):
            with pytest.raises(TooManyRequests):
                claim_attempt(user["id"], user["email"], HERE)

    assert REGISTRY.get_sample_value("sign_in_locked_total") == before + 2
