"""The unit of work: all or nothing, tried again when that helps, and never for ever."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
import structlog

from app import deadline
from app.errors import Conflict, Unauthorized
from app.metrics import render_metrics
from app.models import (
    create_history,
    create_session,
    create_user,
    get_database,
    get_db,
    get_history,
    lock_user,
    release,
    update_user,
)
from app.usecases.work import MAX_TRIES, decided_unit_of_work, unit_of_work
from bilayer.runtime.errors import (
    CircuitOpen,
    ConnectionLost,
    Deadlock,
    LockTimeout,
    OutcomeUnknown,
    PoolTimeout,
    ReadOnly,
    SerializationFailure,
    StatementTimeout,
)
from tests.factories import make_user, new_email
from tests.support.proxy import Proxy
from tests.support.service import connected, settings_for
from tests.support.threads import run_together

database_test = pytest.mark.usefixtures("database")
servers_only = pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True)
SERIALIZABLE = "-c default_transaction_isolation=serializable"


class Tries:
    """Counts how often each thread has tried."""

    def __init__(self) -> None:
        self._local = threading.local()
        self.count = 0

    def is_first(self) -> bool:
        self.count += 1
        self._local.count = getattr(self._local, "count", 0) + 1
        return bool(self._local.count == 1)


def add(user_id: UUID, **columns: Any) -> UUID:
    action_id = uuid4()
    values = {"action_type": "WORK", "payload": {}, **columns}
    create_history(user_id, history_id=action_id, **values)
    return action_id


def count_actions() -> int:
    return int(get_db()(get_db().history).count())


def retries(reason: str) -> float:
    name = f'unit_of_work_retries_total{{reason="{reason}"}} '
    lines = render_metrics().decode().splitlines()
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


@contextmanager
def one_more(reason: str) -> Iterator[None]:
    """Expect one retry for this reason."""
    before = retries(reason)
    yield
    assert retries(reason) == before + 1


# -- all or nothing


@database_test
def test_what_a_unit_writes_is_there_when_it_ends() -> None:
    user_id = make_user()["id"]

    @unit_of_work
    def work() -> list[UUID]:
        return [add(user_id), add(user_id)]

    ids = work()

    assert all(get_history(user_id, action_id) for action_id in ids)


@database_test
@pytest.mark.parametrize("failure", [Conflict("NO", "No."), RuntimeError("a bug")])
def test_failing_unit_leaves_nothing_and_is_not_tried_again(failure: Exception) -> None:
    user_id, tries = make_user()["id"], Tries()

    @unit_of_work
    def work() -> None:
        tries.is_first()
        add(user_id)
        raise failure

    with pytest.raises(type(failure)):
        work()

    assert tries.count == 1
    assert count_actions() == 0


@database_test
def test_unit_inside_a_unit_is_a_part_of_it() -> None:
    user_id = make_user()["id"]

    @unit_of_work
    def part() -> None:
        add(user_id)

    @unit_of_work
    def whole() -> None:
        part()
        assert get_database().in_transaction
        raise Conflict("NO", "No.")

    with pytest.raises(Conflict):
        whole()

    assert count_actions() == 0


@database_test
def test_failure_of_a_part_repeats_the_whole() -> None:
    user_id, tries = make_user()["id"], Tries()

    @unit_of_work
    def part() -> None:
        if tries.is_first():
            raise Deadlock("as if")

    @unit_of_work
    def whole() -> None:
        add(user_id)
        part()

    whole()

    assert tries.count == 2
    assert count_actions() == 1


# -- what is tried again


@servers_only
@database_test
def test_d16_deadlock_is_tried_again(engine: str) -> None:
    one, other = make_user()["id"], make_user()["id"]
    both_hold_one, tries = threading.Barrier(2), Tries()

    @unit_of_work
    def cross(mine: UUID, theirs: UUID) -> None:
        is_first = tries.is_first()
        lock_user(mine)
        if is_first:
            both_hold_one.wait(30)
        lock_user(theirs)
        add(mine)

    with one_more("deadlock"):
        outcomes = run_together([lambda: cross(one, other), lambda: cross(other, one)])

    assert outcomes == [None, None]
    assert tries.count == 3
    assert count_actions() == 2


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_d17_commit_that_cannot_be_serialized_is_tried_again(
    database_url: str, tmp_path: Path
) -> None:
    url = sa.make_url(database_url).update_query_dict({"options": SERIALIZABLE})
    with connected(settings_for(url.render_as_string(hide_password=False), tmp_path)):
        # Of two accounts: those who write for one come one after the other.
        one, other, tries = make_user()["id"], make_user()["id"], Tries()
        add(one), add(other)
        both_have_written = threading.Barrier(2)

        @unit_of_work
        def add_if_alone(user_id: UUID) -> int:
            is_first = tries.is_first()
            found = count_actions()
            add(user_id)
            if is_first:
                both_have_written.wait(30)  # All that is left to do is to commit.
            return found

        with one_more("serialization_failure"):
            outcomes = run_together([lambda: add_if_alone(one), lambda: add_if_alone(other)])

        assert sorted(map(str, outcomes)) == ["2", "3"]
        assert (tries.count, count_actions()) == (3, 4)


@database_test
def test_d18_lock_that_was_not_granted_is_asked_for_again(engine: str) -> None:
    user_id, tries = make_user()["id"], Tries()
    is_held, before = threading.Event(), retries("lock_timeout")

    @unit_of_work
    def hold() -> None:
        lock_user(user_id)
        is_held.set()
        wait_until(lambda: retries("lock_timeout") > before)

    @unit_of_work
    def work() -> None:
        if tries.is_first():
            get_db().lock_rows(get_db().users.id == user_id, nowait=True)
        add(user_id)

    def wait_and_work() -> None:
        assert is_held.wait(30)
        if engine == "sqlite":  # It has one lock, taken before anything else is done.
            get_db().executesql("PRAGMA busy_timeout=50")
        work()

    outcomes = run_together([hold, wait_and_work])

    assert outcomes == [None, None]
    assert count_actions() == 1


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end, "it never came to this"
        time.sleep(0.001)


@servers_only
@database_test
def test_d21_connection_that_is_killed_in_the_middle_costs_a_retry(engine: str) -> None:
    user_id, tries = make_user()["id"], Tries()

    @unit_of_work
    def work() -> None:
        is_first = tries.is_first()
        add(user_id)
        if is_first:
            kill_own_connection(engine)
        add(user_id)

    with one_more("connection_lost"):
        work()

    assert tries.count == 2
    assert count_actions() == 2


def kill_own_connection(engine: str) -> None:
    """Cut this thread's connection from another one."""
    is_postgresql = engine == "postgresql"
    ask = "SELECT pg_backend_pid()" if is_postgresql else "SELECT connection_id()"
    kill = "SELECT pg_terminate_backend(%s)" if is_postgresql else "KILL %s"
    ((number,),) = get_db().executesql(ask)

    def cut() -> None:
        get_db().executesql(kill, (number,))

    assert run_together([cut])[0] is None


@database_test
def test_d13_server_that_only_reads_is_left_for_another_one(engine: str) -> None:
    user_id, tries = make_user()["id"], Tries()
    make_read_only = {
        "sqlite": "PRAGMA query_only=ON",
        "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "mariadb": "SET SESSION TRANSACTION READ ONLY",
    }
    get_db().executesql(make_read_only[engine])

    @unit_of_work
    def work() -> None:
        tries.is_first()
        add(user_id)

    with one_more("read_only"):
        work()

    assert count_actions() == 1


@servers_only
def test_d22_unknown_commit_is_told_and_not_repeated(
    engine: str, database_url: str, tmp_path: Path
) -> None:
    with Proxy(database_url) as proxy, connected(settings_for(proxy.url, tmp_path)):
        user_id, tries = make_user()["id"], Tries()

        @unit_of_work
        def work() -> None:
            tries.is_first()
            add(user_id)

        proxy.lose_answer_to("COMMIT")
        with pytest.raises(OutcomeUnknown):
            work()

        assert tries.count == 1
        assert count_actions() == 1


@servers_only
def test_unknown_commit_of_a_unit_that_decides_itself_is_tried_again(
    engine: str, database_url: str, tmp_path: Path
) -> None:
    with Proxy(database_url) as proxy, connected(settings_for(proxy.url, tmp_path)):
        user_id, action_id = make_user()["id"], uuid4()

        @decided_unit_of_work
        def work() -> bool:
            is_new = get_history(user_id, action_id) is None
            if is_new:
                create_history(user_id, history_id=action_id, action_type="WORK", payload={})
            return is_new

        proxy.lose_answer_to("COMMIT")
        with one_more("outcome_unknown"):
            is_new = work()

        assert not is_new
        assert count_actions() == 1


# -- and how often


def failing(error: Exception) -> tuple[Callable[[], None], Tries]:
    tries = Tries()

    @unit_of_work
    def work() -> None:
        tries.is_first()
        raise error

    return work, tries


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("error", "count"),
    [
        (Deadlock("as if"), MAX_TRIES),
        (SerializationFailure("as if"), MAX_TRIES),
        (LockTimeout("as if"), MAX_TRIES),
        (ConnectionLost("as if"), MAX_TRIES),
        (ReadOnly("as if"), 2),
        (OutcomeUnknown("as if"), 1),
        (CircuitOpen("as if"), 1),
        (PoolTimeout("as if"), 1),
        (StatementTimeout("as if"), 1),
    ],
)
@database_test
def test_last_failure_is_raised_when_the_tries_are_used_up(
    engine: str, error: Exception, count: int
) -> None:
    work, tries = failing(error)

    with pytest.raises(type(error)) as raised:
        work()

    assert raised.value is error
    assert tries.count == count


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@database_test
def test_nothing_is_tried_again_when_the_time_of_the_request_is_over(engine: str) -> None:
    work, tries = failing(Deadlock("as if"))
    deadline.begin(0.015)
    try:
        with pytest.raises(Deadlock):
            work()
    finally:
        deadline.end()

    assert tries.count == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@database_test
def test_nobody_waits_with_a_connection_in_hand(engine: str) -> None:
    pool: Any = get_database().engine.pool
    work, tries = failing(Deadlock("as if"))

    both = threading.Barrier(2)

    def work_in_vain() -> None:
        with pytest.raises(Deadlock):
            work()
        both.wait(30)  # The connection of the last try is given back after that.

    def observe() -> None:
        wait_until(lambda: tries.count > 0 and pool.checkedout() == 0)
        both.wait(30)

    release()
    assert run_together([work_in_vain, observe]) == [None, None]


# -- constraints


@database_test
def test_d20_email_that_is_taken_is_refused_by_the_name_of_its_constraint() -> None:
    email = new_email()
    make_user(email=email)

    @unit_of_work
    def work() -> None:
        create_user(email=email.upper(), password_hash="-")

    with pytest.raises(Conflict) as refusal:
        work()

    assert refusal.value.code == "EMAIL_TAKEN"


@database_test
def test_email_that_is_taken_is_refused_in_a_change_too() -> None:
    email, other = new_email(), make_user()["id"]
    make_user(email=email)

    @unit_of_work
    def work() -> None:
        update_user(other, email=email)

    with pytest.raises(Conflict) as refusal:
        work()

    assert refusal.value.code == "EMAIL_TAKEN"


@database_test
def test_d20_row_of_an_account_that_is_gone_is_refused_as_its_token_would_be() -> None:
    @unit_of_work
    def work() -> None:
        add(uuid4())

    with pytest.raises(Unauthorized) as refusal:
        work()

    assert refusal.value.code == "TOKEN_INVALID"


def store_twice(user_id: UUID) -> None:
    now = get_db()(get_db().users.id == user_id).one()["created_at"]
    times = dict.fromkeys(("created_at", "last_used_at", "expires_at", "refresh_expires_at"), now)
    for digest in ("a", "b"):
        create_session(user_id, family_id=uuid4(), token_hash="same", refresh_hash=digest, **times)


@database_test
@pytest.mark.parametrize(
    "work",
    [
        store_twice,
        lambda user_id: update_user(user_id, role="emperor"),
        lambda user_id: update_user(user_id, email=None, email_key=None),
        lambda user_id: update_user(user_id, role=None),
    ],
    ids=["unique", "check", "check of several columns", "not null"],
)
def test_d20_constraint_nobody_has_a_word_for_is_a_conflict(
    work: Callable[[UUID], object], caplog: pytest.LogCaptureFixture
) -> None:
    user_id = make_user()["id"]

    with structlog.testing.capture_logs() as events, pytest.raises(Conflict) as refusal:
        unit_of_work(work)(user_id)

    assert refusal.value.code == "CONFLICT"
    assert [event["event"] for event in events] == ["constraint_violation"]
