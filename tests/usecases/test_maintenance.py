"""The jobs of the cron: what they take away, what they leave, and that one does them at a time."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app import clock
from app.db.models import metadata
from app.models import get_db, lock_counter, queue_mail, replace_email_token, transaction
from app.usecases import cache_storage, maintenance
from app.usecases.leases import Lease, acquire, is_held
from app.usecases.maintenance import JOBS, LEASE, State, run_jobs
from app.usecases.query_cache import Key, hash_query, put
from app.usecases.sessions import Client, open_session
from app.vocabulary import MailKind
from tests.factories import make_user
from tests.support.statements import sent_statements
from tests.support.threads import run_together, wait_until

pytestmark = pytest.mark.usefixtures("database")

MONTHS = timedelta(days=60)
TABLES = {
    "idempotency_keys": "idempotency_keys",
    "sessions": "sessions",
    "counters": "login_attempts",
    "email_tokens": "email_tokens",
    "mails": "mail_outbox",
    "query_cache": "query_cache",
    "leases": "leases",
}


def leave_traces(user_id: UUID) -> None:
    """Make a row for each job, of now."""
    now = clock.now()
    lives = {"created_at": now, "expires_at": now + timedelta(hours=1)}
    get_db().idempotency_keys.insert(user_id=user_id, key=str(uuid4()), fingerprint="f", **lives)
    open_session(user_id, Client())
    with transaction():
        lock_counter(str(uuid4()))
    replace_email_token(
        user_id, purpose=MailKind.PASSWORD_RESET, token_id=uuid4(), token_hash="h" * 64, **lives
    )
    queue_mail(user_id, mail_id=uuid4(), kind=MailKind.PASSWORD_RESET, **lives)
    put(Key.public(hash_query({"id": str(uuid4())})), 1, ttl=3600)
    acquire(f"work {uuid4()}", uuid4(), 3600)


def rows() -> dict[str, int]:
    return {job: int(get_db()(get_db()[table]).count()) for job, table in TABLES.items()}


def test_every_job_takes_what_is_over_in_small_batches_and_leaves_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(maintenance, "BATCH", 2)
    monkeypatch.setattr(cache_storage, "BATCH", 2)
    with clock.frozen(clock.now() - MONTHS):
        for _ in range(5):
            leave_traces(make_user()["id"])
    leave_traces(make_user()["id"])
    told: list[tuple[str, int]] = []

    outcomes = run_jobs(list(JOBS), lambda job, count: told.append((job, count)))

    assert {each.job: each.count for each in outcomes or ()} == dict.fromkeys(JOBS, 0) | (
        dict.fromkeys([*TABLES, "audit"], 5)
    )
    assert {each.state for each in outcomes or ()} == {State.DONE}
    assert rows() == dict.fromkeys(TABLES, 1)
    batches = [(job, count) for job in TABLES for count in (2, 4, 5)]
    assert told == [*batches, ("audit", 5)]  # A block takes all of it.
    assert [each.count for each in run_jobs(list(JOBS)) or ()] == [0] * len(JOBS)


def test_every_job_finds_its_rows_by_an_index() -> None:
    with sent_statements() as sent:
        run_jobs(list(JOBS))
    ordered = [re.sub(r'["`]', "", sql) for sql in sent if "ORDER BY" in sql]

    unaided = [sql for sql in ordered if not is_helped_by_an_index(sql)]

    assert len(ordered) >= len(JOBS)
    assert unaided == []


def is_helped_by_an_index(sql: str) -> bool:
    """Tell whether an index has the rows in the order of a statement."""
    found = re.search(r"ORDER BY (\w+)\.(\w+)", sql)
    assert found, sql
    table, condition = metadata.tables[found[1]], sql.partition("WHERE")[2]
    for columns in (table.primary_key.columns, *(index.columns for index in table.indexes)):
        names = [column.name for column in columns]
        before = names[: names.index(found[2])] if found[2] in names else ["none"]
        if all(re.search(rf"{found[1]}\.{name} (=|IS NULL)", condition) for name in before):
            return True
    return False


def test_one_of_several_works_and_the_others_have_nothing_to_do() -> None:
    with clock.frozen(clock.now() - MONTHS):
        leave_traces(make_user()["id"])
    lease = Lease(LEASE, 60)
    assert lease.begin()

    with lease:
        assert run_together([lambda: run_jobs(["leases"])] * 4) == [None] * 4
    assert rows()["leases"] == 1
    assert [each.count for each in run_jobs(["leases"]) or ()] == [1]
    assert not is_held(LEASE)


def test_maintenance_of_a_process_that_died_is_taken_over() -> None:
    acquire(LEASE, uuid4(), maintenance.LEASE_SECONDS)
    assert run_jobs(["leases"]) is None

    with clock.frozen(clock.now() + timedelta(seconds=maintenance.LEASE_SECONDS)):
        assert run_jobs(["leases"]) is not None


def test_job_that_fails_keeps_no_other_from_running(monkeypatch: pytest.MonkeyPatch) -> None:
    with clock.frozen(clock.now() - MONTHS):
        leave_traces(make_user()["id"])

    def fail(_at: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setitem(JOBS, "sessions", fail)

    outcomes = run_jobs(["sessions", "leases"])

    assert [(each.count, each.state) for each in outcomes or ()] == [
        (0, State.FAILED),
        (1, State.DONE),
    ]


def test_who_was_replaced_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "LEASE_SECONDS", 0.3)
    with clock.frozen(clock.now() - MONTHS):
        for _ in range(3):
            leave_traces(make_user()["id"])
    monkeypatch.setattr(maintenance, "BATCH", 1)

    def lose(_job: str, _count: int) -> None:
        db = get_db()
        db(db.leases.name == LEASE).update(holder=uuid4())
        wait_until(lambda: lost)

    lost: list[bool] = []
    keep = Lease._keep

    def note(lease: Lease) -> None:
        keep(lease)
        lost.append(lease.is_lost)

    monkeypatch.setattr(Lease, "_keep", note)

    outcomes = run_jobs(["idempotency_keys", "sessions"], lose)

    assert [(each.count, each.state) for each in outcomes or ()] == [
        (1, State.STOPPED),
        (0, State.STOPPED),
    ]
