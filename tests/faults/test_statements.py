"""Rows D8, D11, D16 to D20 and D26: statements the server stops, undoes or refuses."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest
import sqlalchemy as sa

from bilayer.runtime import ConnectionLost, Database
from tests.e2e.test_journey import PASSWORD
from tests.faults.sites import HISTORY, ROLE, Site

ME = "/api/v1/users/me"
BREAKER = 'circuit_breaker_state{dependency="database"}'

DEADLOCKS = 'unit_of_work_retries_total{reason="deadlock"}'


def answered(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


# -- what takes too long


@pytest.mark.slow
def test_d8_slow_statement_is_stopped_and_not_tried_again(site: Site) -> None:
    with site.client() as client, _on_insert(site, _sleep(site, 30)):
        began = time.monotonic()
        slow = site.write(client)
        waited = time.monotonic() - began
        read = client.get(HISTORY)

    assert answered(slow) == (503, "DATABASE_TIMEOUT")
    assert int(slow.headers["Retry-After"]) >= 1
    assert 4.5 < waited < 9, "five seconds, once"
    assert read.status_code == 200
    assert site.metric(BREAKER) == 0, "a slow statement says nothing of the database"


def test_d18_lock_that_is_released_in_time_is_waited_for(site: Site) -> None:
    key = str(uuid4())
    with site.client() as client, ThreadPoolExecutor(1) as pool:
        site.write(client, id=key)
        with site.transaction() as other:
            _lock(other, site, key)
            waiting = pool.submit(client.delete, f"{HISTORY}/{key}")
            time.sleep(2.5)  # Longer than a lock is waited for at once.
        answer = waiting.result()

    assert answer.status_code == 204
    assert site.metric('unit_of_work_retries_total{reason="lock_timeout"}') >= 1


@pytest.mark.slow
@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_d18_lock_that_is_kept_is_busy_within_the_deadline(site: Site) -> None:
    key = str(uuid4())
    with site.client() as client:
        site.write(client, id=key)
        with site.transaction() as other:
            _lock(other, site, key)
            began = time.monotonic()
            answer = client.delete(f"{HISTORY}/{key}")
            waited = time.monotonic() - began
        after = client.delete(f"{HISTORY}/{key}")

    assert answer.status_code == 503
    assert answer.json()["code"] in ("DATABASE_BUSY", "DATABASE_TIMEOUT")
    assert waited < 13
    assert after.status_code == 204


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_d19_session_that_idles_in_a_transaction_is_ended_and_replaced(site: Site) -> None:
    with Database.connect(site.url, idle_in_transaction_timeout=0.2) as database:
        with pytest.raises(ConnectionLost), database.transaction():
            database.dal.executesql("SELECT 1")
            time.sleep(0.6)
            database.dal.executesql("SELECT 1")

        assert not database.in_transaction
        assert database.dal.executesql("SELECT 1") == [(1,)]


# -- what is undone, and may be tried again


@pytest.mark.parametrize(
    ("row", "code", "reason"),
    [("d16", "40P01", "deadlock"), ("d17", "40001", "serialization_failure")],
)
def test_undone_transaction_is_tried_again(site: Site, row: str, code: str, reason: str) -> None:
    before = site.metric(f'unit_of_work_retries_total{{reason="{reason}"}}')
    with site.client() as client, _on_insert(site, _fail(site, code, times=2)):
        answer = site.write(client)

    assert answer.status_code == 201
    assert site.acknowledged[-1] in site.stored()
    assert site.metric(f'unit_of_work_retries_total{{reason="{reason}"}}') == before + 2


@pytest.mark.parametrize(("row", "code"), [("d16", "40P01"), ("d17", "40001")])
def test_transaction_that_is_undone_again_and_again_is_a_conflict(
    site: Site, row: str, code: str
) -> None:
    with site.client() as client, _on_insert(site, _fail(site, code, times=100)):
        answer = site.write(client)

    assert answered(answer) == (503, "DATABASE_CONFLICT")
    assert int(answer.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_d17_serialization_failure_at_commit_is_tried_again(site: Site) -> None:
    with site.client() as client, _on_insert(site, _fail(site, "40001", times=1), at_commit=True):
        answer = site.write(client)

    assert answer.status_code == 201
    assert site.acknowledged[-1] in site.stored()


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_d16_real_deadlock_is_answered_with_success(site: Site) -> None:
    key = str(uuid4())
    before = site.metric(DEADLOCKS)
    with site.client() as client, ThreadPoolExecutor(1) as pool, site.transaction() as other:
        site.write(client, id=key)
        # Whoever looks for the deadlock first is its victim: not this side.
        other.exec_driver_sql("SET deadlock_timeout = '30s'")
        _lock(other, site, key)
        with _before_delete_lock(site):
            waiting = pool.submit(client.delete, f"{HISTORY}/{key}")
            _await_lock_waits(site)
            other.exec_driver_sql("SELECT pg_advisory_xact_lock(16)")  # Granted to the survivor.
            other.commit()
            answer = waiting.result()

    assert answer.status_code == 204
    assert site.metric(DEADLOCKS) == before + 1


# -- what is refused


def test_d11_no_slot_for_the_role_is_busy_and_opens_no_circuit(site: Site) -> None:
    with _no_slots(site), site.client() as client:
        answers = [client.get(ME) for _ in range(8)]
        state = site.metric(BREAKER)
    with site.client() as client:
        after = client.get(ME)

    assert [answered(answer) for answer in answers] == [(503, "DATABASE_BUSY")] * 8
    assert {answer.headers["Retry-After"] for answer in answers} == {"1"}
    assert state == 0
    assert after.status_code == 200


def test_d20_violations_are_told_by_the_name_of_their_constraint(site: Site) -> None:
    body = {"email": "ada@example.com", "password": PASSWORD, "full_name": "Ada"}
    rule = "CONSTRAINT ck_history_nobody_knows CHECK (action_type <> 'FORBIDDEN')"
    with site.backend.client() as anybody, site.client() as client:
        taken = anybody.post("/api/v1/auth/register", json=body)
        site.execute(f"ALTER TABLE history ADD {rule}")
        unknown = site.write(client, action_type="FORBIDDEN")
        site.execute("ALTER TABLE history DROP CONSTRAINT ck_history_nobody_knows")

    assert answered(taken) == (409, "EMAIL_TAKEN")
    assert answered(unknown) == (409, "CONFLICT")
    assert "nobody_knows" not in unknown.text
    assert any(event.get("constraint") == "ck_history_nobody_knows" for event in site.backend.log)


def test_d26_role_that_may_not_come_in_is_a_database_that_is_not_there(site: Site) -> None:
    lock, unlock = {
        "postgresql": (f"ALTER ROLE {ROLE} NOLOGIN", f"ALTER ROLE {ROLE} LOGIN"),
        "mariadb": (f"ALTER USER {ROLE} ACCOUNT LOCK", f"ALTER USER {ROLE} ACCOUNT UNLOCK"),
    }[site.engine]
    with site.client() as client:
        site.execute(lock)
        try:
            site.server.kill_connections()
            answer = client.get(ME)
        finally:
            site.execute(unlock)
        site.wait_until_ready()
        after = client.get(ME)

    assert answered(answer) == (503, "DATABASE_UNAVAILABLE")
    assert after.status_code == 200


def test_d26_right_that_was_taken_away_is_a_fault_of_ours(site: Site) -> None:
    table = "history" if site.engine == "postgresql" else f"{_database(site)}.history"
    _revoke(site, table)
    _begin_connections_again(site)
    try:
        with site.client() as client:
            write, read = site.write(client), client.get(HISTORY)
    finally:
        _grant(site, table)
        _begin_connections_again(site)

    assert answered(write) == (500, "INTERNAL_ERROR")
    assert "history" not in write.text
    assert read.status_code == 200
    with site.client() as client:
        assert site.write(client).status_code == 201


def _begin_connections_again(site: Site) -> None:
    """Let rights hold at once: MariaDB looks those of a database up when a connection begins."""
    site.server.kill_connections()
    site.wait_until_ready()


def _database(site: Site) -> str:
    return str(sa.make_url(site.url).database)


def _revoke(site: Site, table: str) -> None:
    if site.engine == "postgresql":
        site.execute(f"REVOKE INSERT ON {table} FROM {ROLE}")
        return
    name = _database(site)
    site.execute(
        f"REVOKE INSERT ON {name}.* FROM {ROLE}", f"GRANT INSERT ON {name}.users TO {ROLE}"
    )


def _grant(site: Site, table: str) -> None:
    target = table if site.engine == "postgresql" else f"{_database(site)}.*"
    site.execute(f"GRANT INSERT ON {target} TO {ROLE}")


# -- how a server is made to do so


def _lock(other: sa.Connection, site: Site, key: str) -> None:
    """Lock a row of the history for somebody else."""
    own = key.replace("-", "") if site.engine == "mariadb" else key
    found = other.exec_driver_sql(f"SELECT 1 FROM history WHERE id = '{own}' FOR UPDATE").all()
    assert found


def _sleep(site: Site, seconds: int) -> str:
    return (
        f"PERFORM pg_sleep({seconds});" if site.engine == "postgresql" else f"DO SLEEP({seconds});"
    )


def _fail(site: Site, code: str, *, times: int) -> str:
    """Fail the first few times; the counter is not undone with the transaction."""
    if site.engine == "postgresql":
        site.execute("DROP SEQUENCE IF EXISTS tries", "CREATE SEQUENCE tries")
        site.execute(f"GRANT USAGE ON SEQUENCE tries TO {ROLE}")
        return (
            f"IF nextval('tries') <= {times} THEN"
            f" RAISE EXCEPTION 'on purpose' USING ERRCODE = '{code}'; END IF;"
        )
    site.execute("DROP TABLE IF EXISTS tries", "CREATE TABLE tries (n INT) ENGINE = MyISAM")
    number = {"40P01": 1213, "40001": 1020}[code]
    return (
        "INSERT INTO tries VALUES (1);"
        f" IF (SELECT count(*) FROM tries) <= {times} THEN"
        f" SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = {number}; END IF;"
    )


@contextmanager
def _on_insert(site: Site, action: str, *, at_commit: bool = False) -> Iterator[None]:
    """Let the server do something for each row of the history that is inserted."""
    if site.engine == "postgresql":
        kind = (
            "CONSTRAINT TRIGGER fault AFTER INSERT ON history DEFERRABLE INITIALLY DEFERRED"
            if at_commit
            else "TRIGGER fault BEFORE INSERT ON history"
        )
        site.execute(
            f"CREATE OR REPLACE FUNCTION fault() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN {action} RETURN NEW; END $$",
            f"CREATE {kind} FOR EACH ROW EXECUTE FUNCTION fault()",
        )
        removal = "DROP TRIGGER fault ON history"
    else:
        site.execute(
            f"CREATE TRIGGER fault BEFORE INSERT ON history FOR EACH ROW BEGIN {action} END"
        )
        removal = "DROP TRIGGER fault"
    try:
        yield
    finally:
        site.execute(removal)


@contextmanager
def _before_delete_lock(site: Site) -> Iterator[None]:
    """Let whoever changes history take a lock of its own before: with the version of the change.

    The row itself is locked first and changed then, because the audit log has what it was.
    """
    site.execute(
        "CREATE OR REPLACE FUNCTION crossing() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_advisory_xact_lock(16); RETURN NULL; END $$",
        "CREATE TRIGGER crossing BEFORE UPDATE ON sync_heads"
        " FOR EACH STATEMENT EXECUTE FUNCTION crossing()",
    )
    try:
        yield
    finally:
        site.execute("DROP TRIGGER crossing ON sync_heads")


def _await_lock_waits(site: Site) -> None:
    """Wait until somebody waits for a lock."""
    engine = sa.create_engine(site.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    with engine.connect() as connection:
        _wait(lambda: connection.exec_driver_sql(query).scalar() != 0)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def _no_slots(site: Site) -> Iterator[None]:
    """Leave no connection to the service's role."""
    limit, unlimited = {
        "postgresql": (f"ALTER ROLE {ROLE} CONNECTION LIMIT 0", "CONNECTION LIMIT -1"),
        "mariadb": (f"ALTER USER {ROLE} WITH MAX_USER_CONNECTIONS 1", "MAX_USER_CONNECTIONS 0"),
    }[site.engine]
    restore = limit.rpartition(" CONN" if site.engine == "postgresql" else " MAX")[0]
    site.execute(limit)
    site.server.kill_connections()
    holder = None
    try:
        if site.engine == "mariadb":
            holder = sa.create_engine(site.proxy.url, poolclass=sa.NullPool).connect()
        yield
    finally:
        if holder is not None:
            holder.close()
        site.execute(f"{restore} {unlimited}")
