"""Requests that may come again, as the rule has it: below HTTP, and over a wire that breaks."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from app import clock
from app.errors import AppError, Unauthorized
from app.models import create_history, create_idempotency_key, get_db, get_idempotency_key
from app.usecases.history import record_action
from app.usecases.idempotency import Answer, Request, answer_once
from app.usecases.work import unit_of_work
from tests.factories import make_user
from tests.support.proxy import Proxy
from tests.support.service import connected, settings_for
from tests.support.statements import sent_statements

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
database_test = pytest.mark.usefixtures("database")
servers_only = pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True)


MAKE_READ_ONLY = {
    "sqlite": "PRAGMA query_only=ON",
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "mariadb": "SET SESSION TRANSACTION READ ONLY",
}


class Spending:
    """Something that must happen once, and the number of times it was tried."""

    def __init__(self, user_id: UUID) -> None:
        self.user_id = user_id
        self.tries = 0

    def __call__(self) -> Answer:
        self.tries += 1
        create_history(self.user_id, history_id=uuid4(), action_type="SPEND", payload={})
        return Answer(201, f"spent, try {self.tries}")


def ask(
    user_id: UUID, perform: Callable[[], Answer], *, key: str = "k", fingerprint: str = "f"
) -> Answer:
    return answer_once(Request(user_id, key, fingerprint), perform, refused)


def refused(error: AppError) -> Answer:
    return Answer(409, error.code)


def count_rows(table: str) -> int:
    return int(get_db()(get_db()[table]).count())


@servers_only
@pytest.mark.parametrize("phase", ["is lost", "was never sent"])
def test_d22_unknown_commit_is_decided_by_the_key(
    engine: str, database_url: str, tmp_path: Path, phase: str
) -> None:
    with Proxy(database_url) as proxy, connected(settings_for(proxy.url, tmp_path)):
        spend = Spending(make_user()["id"])
        if phase == "is lost":
            proxy.lose_answer_to("COMMIT")
        else:
            proxy.lose("COMMIT")

        answer = ask(spend.user_id, spend)

        assert answer.status == 201
        assert answer.is_replayed == (phase == "is lost")
        assert spend.tries == (1 if phase == "is lost" else 2)
        assert ask(spend.user_id, spend).body == answer.body
        assert count_rows("history") == 1


@database_test
def test_key_that_was_claimed_by_a_request_that_failed_is_free_again() -> None:
    user_id = make_user()["id"]

    def fail() -> Answer:
        Spending(user_id)()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        ask(user_id, fail)

    assert get_idempotency_key(user_id, "k") is None
    assert ask(user_id, Spending(user_id)).status == 201


@database_test
@pytest.mark.parametrize("method", ["insert_returning", "insert_ahead"])
def test_refusal_by_a_constraint_is_remembered(method: str) -> None:
    user_id, history = make_user()["id"], get_db().history
    row = {"user_id": user_id, "id": uuid4(), "action_type": "A", "payload": {}}
    history.insert(**row)

    @unit_of_work
    def store() -> Answer:
        getattr(history, method)(**row)
        return Answer(201, "stored")

    answers = [ask(user_id, store), ask(user_id, Spending(user_id))]

    assert [(each.status, each.body, each.is_replayed) for each in answers] == [
        (409, "CONFLICT", False),
        (409, "CONFLICT", True),
    ]


@database_test
@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_key_is_looked_for_claimed_and_answered_in_three_round_trips() -> None:
    user_id = make_user()["id"]

    def store() -> Answer:
        record_action(user_id, action_id=None, action_type="A", payload={})
        return Answer(201, "stored")

    ask(user_id, store, key="first")
    with sent_statements() as plain:
        store()
    with sent_statements() as keyed:
        ask(user_id, store)

    assert len(keyed) == len(plain) + 3
    assert keyed[-2].endswith("; RELEASE SAVEPOINT bilayer_1")
    assert keyed[-1].endswith("; COMMIT")


@database_test
def test_who_may_ask_is_not_remembered() -> None:
    user_id = make_user()["id"]

    def fail() -> Answer:
        raise Unauthorized("TOKEN_INVALID", "No.")

    with pytest.raises(Unauthorized):
        ask(user_id, fail)

    assert count_rows("idempotency_keys") == 0


@database_test
def test_key_of_an_account_that_is_gone_is_refused_as_its_token_would_be() -> None:
    user_id = uuid4()

    with pytest.raises(Unauthorized) as refusal:
        ask(user_id, Spending(user_id))

    assert refusal.value.code == "TOKEN_INVALID"


@database_test
def test_answers_are_given_again_while_the_database_only_reads(engine: str) -> None:
    spend = Spending(make_user()["id"])
    first = ask(spend.user_id, spend, fingerprint="0")
    get_db().executesql(MAKE_READ_ONLY[engine])

    again = ask(spend.user_id, spend, fingerprint="0")

    assert (again.body, again.is_replayed) == (first.body, True)


@database_test
def test_expired_keys_are_forgotten_in_small_batches() -> None:
    spend = Spending(make_user()["id"])
    for number in range(60):
        create_idempotency_key(
            spend.user_id,
            f"old {number}",
            fingerprint="f",
            created_at=NOON,
            expires_at=NOON + timedelta(seconds=number),
        )
    left = []

    with clock.frozen(NOON + timedelta(seconds=57)):
        for number in range(3):
            ask(spend.user_id, spend, key=f"new {number}", fingerprint="0")
            left.append(count_rows("idempotency_keys") - number - 1)

    # The last two are still valid.
    assert left == [10, 2, 2]


@database_test
def test_only_some_requests_pay_for_forgetting() -> None:
    spend = Spending(make_user()["id"])
    with clock.frozen(NOON):
        ask(spend.user_id, spend, key="old")
    with clock.frozen(NOON + timedelta(hours=24)):
        ask(spend.user_id, spend, key="other", fingerprint="f")
        assert count_rows("idempotency_keys") == 2

        ask(spend.user_id, spend, key="third", fingerprint="0")

    assert get_idempotency_key(spend.user_id, "old") is None
