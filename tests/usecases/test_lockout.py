"""How failures to sign in are counted, and what they cost."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app import clock
from app.errors import AppError, TooManyRequests, Unauthorized
from app.models import get_db
from app.usecases.accounts import Client, SignedIn, login
from app.usecases.lockout import (
    ACCOUNT_LIMIT,
    ADDRESS_LIMIT,
    LONGEST_LOCK,
    claim_attempt,
    claim_attempt_from,
    forgive_attempt,
)
from tests.factories import PASSWORD, make_user, new_email
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HERE = "192.0.2.1"


def wait_after(attempt: Callable[[], None], at: datetime = NOON) -> int:
    """Return how many seconds a further attempt would have to wait."""
    with clock.frozen(at):
        try:
            attempt()
        except TooManyRequests as refused:
            return refused.retry_after
    return 0


def test_first_attempts_are_free_and_then_the_wait_doubles() -> None:
    user = make_user()
    at = NOON
    waits: list[float] = []

    for _ in range(ACCOUNT_LIMIT.free_attempts + 12):
        with clock.frozen(at):
            claim_attempt(user["id"], user["email"])
        at = get_db()(get_db().logins.user_id == user["id"]).one()["locked_until"]
        waits.append((at - NOON).total_seconds() - sum(waits))

    free = [0] * ACCOUNT_LIMIT.free_attempts
    longest = LONGEST_LOCK.total_seconds()
    assert waits == [*free, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, longest, longest]


def test_unknown_email_is_counted_exactly_as_a_known_one() -> None:
    user = make_user()
    unknown = new_email()
    known_waits: list[int] = []
    unknown_waits: list[int] = []

    for second in range(40):
        at = NOON + timedelta(seconds=second)
        known_waits.append(wait_after(lambda: claim_attempt(user["id"], user["email"]), at))
        unknown_waits.append(wait_after(lambda: claim_attempt(None, unknown), at))

    assert max(known_waits) > 0
    assert known_waits == unknown_waits


def test_unknown_email_is_counted_in_any_spelling_and_not_stored() -> None:
    for _ in range(ACCOUNT_LIMIT.free_attempts):
        wait_after(lambda: claim_attempt(None, "Nobody@example.com"))

    wait_after(lambda: claim_attempt(None, "NOBODY@example.com "))

    assert wait_after(lambda: claim_attempt(None, "nobody@EXAMPLE.com")) == 1
    assert "nobody" not in str(get_db()(get_db().login_attempts).dicts()).lower()


def test_attempt_that_is_refused_does_not_lengthen_the_wait() -> None:
    user = make_user()
    for _ in range(ACCOUNT_LIMIT.free_attempts + 1):
        wait_after(lambda: claim_attempt(user["id"], user["email"]))

    waits = [wait_after(lambda: claim_attempt(user["id"], user["email"])) for _ in range(5)]

    assert waits == [1] * 5


def test_right_password_lets_an_account_begin_anew() -> None:
    user = make_user()
    for _ in range(ACCOUNT_LIMIT.free_attempts):
        wait_after(lambda: claim_attempt(user["id"], user["email"]))

    forgive_attempt(user["id"], None)

    for _ in range(ACCOUNT_LIMIT.free_attempts):
        assert wait_after(lambda: claim_attempt(user["id"], user["email"])) == 0


def test_right_password_gives_an_address_back_one_attempt_and_no_more() -> None:
    user = make_user()
    for _ in range(ADDRESS_LIMIT.free_attempts + 1):
        assert wait_after(lambda: claim_attempt_from(HERE)) == 0
    later = NOON + timedelta(seconds=1)
    assert wait_after(lambda: claim_attempt_from(HERE), later) == 0

    with clock.frozen(later):
        forgive_attempt(user["id"], HERE)

    assert wait_after(lambda: claim_attempt_from(HERE), later) == 2
    unlocked = later + timedelta(seconds=2)
    assert wait_after(lambda: claim_attempt_from(HERE), unlocked) == 0
    assert wait_after(lambda: claim_attempt_from(HERE), unlocked) == 2


def test_counter_is_forgotten_after_a_while() -> None:
    for _ in range(ADDRESS_LIMIT.free_attempts + 1):
        wait_after(lambda: claim_attempt_from(HERE))
    assert wait_after(lambda: claim_attempt_from(HERE)) == 1

    later = NOON + ADDRESS_LIMIT.memory + timedelta(minutes=1)

    assert wait_after(lambda: claim_attempt_from(HERE), later) == 0
    assert wait_after(lambda: claim_attempt_from(HERE), later) == 0


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
    for _ in range(ADDRESS_LIMIT.free_attempts + 1):
        wait_after(lambda: claim_attempt_from(first))

    assert (wait_after(lambda: claim_attempt_from(second)) > 0) is is_shared


def test_guesses_at_once_are_not_free() -> None:
    user = make_user()
    guess = Client(None)

    def attempt() -> SignedIn:
        return login(email=user["email"], password="wrong guess", client=guess)

    with clock.frozen(NOON):
        results = run_together([attempt] * 16)

    codes = sorted(error.code for error in results if isinstance(error, AppError))
    compared = ACCOUNT_LIMIT.free_attempts + 1
    expected = ["INVALID_CREDENTIALS"] * compared + ["TOO_MANY_ATTEMPTS"] * (16 - compared)
    assert codes == expected


def test_locked_account_refuses_the_right_password_too_and_says_when_to_come_back() -> None:
    user = make_user()
    with clock.frozen(NOON):
        for _ in range(ACCOUNT_LIMIT.free_attempts + 1):
            with pytest.raises(Unauthorized):
                login(email=user["email"], password="wrong guess", client=Client(HERE))

        with pytest.raises(TooManyRequests) as refused:
            login(email=user["email"], password=PASSWORD, client=Client(HERE))

    assert refused.value.retry_after == 1
    with clock.frozen(NOON + timedelta(seconds=1)):
        signed_in = login(email=user["email"], password=PASSWORD, client=Client(HERE))
    assert signed_in.user["id"] == user["id"]
