"""How far somebody gets who guesses at passwords, obeys every wait, and never gives up."""

from collections.abc import Callable
from datetime import timedelta
from itertools import cycle

import pytest

from app import clock
from app.errors import TooManyRequests
from app.usecases.lockout import claim_attempt
from tests.factories import make_user

EMAIL = "ada@example.com"


def guesses_within(span: timedelta, attempt: Callable[[], object]) -> int:
    """Guess for a while, waiting no longer than one is told to; return the number of guesses."""
    now, count = clock.now(), 0
    end = now + span
    while now < end:
        with clock.frozen(now):
            try:
                attempt()
                count += 1
            except TooManyRequests as error:
                now += timedelta(seconds=error.retry_after)
    return count


@pytest.mark.usefixtures("database")
def test_one_address_has_hardly_a_hundred_guesses_a_day_at_one_account() -> None:
    user_id = make_user(email=EMAIL)["id"]

    def attempt() -> None:
        claim_attempt(user_id, EMAIL, "192.0.2.1")

    assert 6 < guesses_within(timedelta(days=1), attempt) < 120


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_thousand_guesses_from_everywhere_take_most_of_a_day() -> None:
    user_id = make_user(email=EMAIL)["id"]
    addresses = cycle(f"192.0.{number // 250}.{number % 250}" for number in range(2000))

    def attempt() -> None:
        claim_attempt(user_id, EMAIL, next(addresses))

    assert 100 < guesses_within(timedelta(hours=8), attempt) < 1000


@pytest.mark.usefixtures("database")
def test_address_that_goes_from_account_to_account_is_slowed_down() -> None:
    emails = iter(f"nobody-{number}@example.com" for number in range(100_000))

    def attempt() -> None:
        claim_attempt(None, next(emails), "192.0.2.1")

    assert 50 < guesses_within(timedelta(hours=1), attempt) < 200
