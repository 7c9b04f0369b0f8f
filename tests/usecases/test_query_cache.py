"""The query cache: computed once, told many times, to those it is for, within bounds."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app import clock, deadline
from app.errors import Unavailable
from app.models import count_cached_bytes, get_db, get_lease, release, transaction
from app.usecases import cache_storage, query_cache
from app.usecases.cache_storage import clear, count_answers, tidy
from app.usecases.cached_answers import MAX_RESULT_BYTES
from app.usecases.leases import acquire
from app.usecases.query_cache import Key, delete, get, get_or_compute, hash_query, put
from app.vocabulary import CacheScope
from bilayer.runtime.errors import DatabaseError, TransactionMisuse
from tests.support.askers import KEY, compute_in
from tests.support.databases import ROOT
from tests.support.service import connected, settings_for
from tests.support.statements import sent_statements
from tests.support.threads import run_together, wait_until

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def _tidying_is_left_to_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_storage, "_ONE_WRITE_IN", 2**60)


def new_key(scope: CacheScope = CacheScope.PUBLIC) -> Key:
    query_hash = hash_query({"prompt": str(uuid4())})
    return Key.public(query_hash) if scope == "public" else Key(uuid4(), scope, query_hash)


@contextmanager
def asking(
    url: str, folder: Path, *, threads: int, lease: float = 5.0
) -> Iterator["subprocess.Popen[str]"]:
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    command = [sys.executable, "-m", "tests.support.askers", str(folder), str(threads), str(lease)]
    settings = {"DATABASE_URL": url, "DATA_DIR": str(folder)}
    with subprocess.Popen(
        command, env=inherited | settings, cwd=ROOT, text=True, stdout=subprocess.PIPE
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def computations(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("computed-*")]


def test_fifty_equal_misses_in_two_processes_are_computed_once(
    database_url: str, tmp_path: Path
) -> None:
    with (
        asking(database_url, tmp_path, threads=25) as one,
        asking(database_url, tmp_path, threads=25) as other,
    ):
        wait_until(lambda: len(list(tmp_path.glob("ready-*"))) == 2 and computations(tmp_path))
        (tmp_path / "go").touch()
        told = [json.loads(process.communicate(timeout=60)[0]) for process in (one, other)]

    [name] = computations(tmp_path)
    assert told[0] + told[1] == [{"by": name}] * 50
    assert get_lease(KEY.lease) is None


def test_what_a_process_that_died_was_computing_is_taken_over(
    database_url: str, tmp_path: Path
) -> None:
    with asking(database_url, tmp_path, threads=1, lease=1.0) as process:
        wait_until(lambda: computations(tmp_path))
        process.kill()
        process.wait()
    (tmp_path / "go").touch()

    told = run_together([lambda: get_or_compute(KEY, lambda: compute_in(tmp_path), ttl=60)] * 5)

    assert len(computations(tmp_path)) == 2
    assert [each == told[0] for each in told] == [True] * 5


def test_fresh_answer_is_told_and_a_stale_one_is_computed_anew_behind_it() -> None:
    key, now = new_key(), clock.now()
    computing, done = threading.Event(), threading.Event()

    def compute() -> str:
        computing.set()
        done.wait(30)
        return "new"

    put(key, "old", ttl=60, fresh_for=10)
    assert get_or_compute(key, compute, ttl=60, fresh_for=10) == "old"
    assert not computing.is_set()

    with clock.frozen(now + timedelta(seconds=15)):
        told = [get_or_compute(key, compute, ttl=60, fresh_for=10) for _ in range(5)]
        assert computing.wait(30)
        done.set()
        wait_until(lambda: get(key).result == "new")

    assert told == ["old"] * 5


def test_stale_answers_are_computed_by_one_and_by_few_at_once() -> None:
    keys, now = [new_key() for _ in range(6)], clock.now()
    calls: list[int] = []
    done = threading.Event()

    def compute(number: int) -> int:
        calls.append(number)
        done.wait(30)
        return number

    for key in keys:
        put(key, "old", ttl=60, fresh_for=0)
    asks = [
        partial(get_or_compute, key, partial(compute, number), ttl=60)
        for number, key in enumerate(keys)
    ]
    with clock.frozen(now + timedelta(seconds=1)):
        assert run_together(asks * 4) == ["old"] * 24
        wait_until(lambda: len(calls) == query_cache.MAX_REFRESHERS)
        done.set()
        wait_until(lambda: not query_cache._refreshing)

    assert len(set(calls)) == len(calls) == query_cache.MAX_REFRESHERS


def test_stale_answer_stays_when_computing_it_anew_fails() -> None:
    key = new_key()
    put(key, "old", ttl=60, fresh_for=0)
    failed = threading.Event()

    def fail() -> None:
        failed.set()
        raise RuntimeError

    assert get_or_compute(key, fail, ttl=60) == "old"
    assert failed.wait(30)
    wait_until(lambda: not query_cache._refreshing)

    assert get_or_compute(key, lambda: "new", ttl=60) == "old"
    wait_until(lambda: get(key).result == "new")


def test_failure_goes_to_who_computed_and_the_others_try() -> None:
    key, calls = new_key(), []

    def compute() -> int:
        calls.append(1)
        time.sleep(0.05)
        if len(calls) < 3:
            raise ZeroDivisionError
        return len(calls)

    told = run_together([lambda: get_or_compute(key, compute, ttl=60)] * 8)

    assert sorted(map(repr, told)) == ["3"] * 6 + ["ZeroDivisionError()"] * 2
    assert get_lease(key.lease) is None


def test_who_waits_for_another_gives_up_with_the_request() -> None:
    key = new_key()
    acquire(key.lease, uuid4(), 60)

    with deadline.at_most(1), pytest.raises(Unavailable) as refusal:
        get_or_compute(key, lambda: "mine", ttl=60)

    assert refusal.value.code == "ANSWER_PENDING"


def test_cache_is_refused_inside_a_transaction() -> None:
    key = new_key()

    for use in (
        lambda: get_or_compute(key, lambda: 1, ttl=60),
        lambda: put(key, 1, ttl=60),
        lambda: delete(key),
        lambda: get(key),
    ):
        with transaction(), pytest.raises(TransactionMisuse, match="outside transaction"):
            use()


def test_computing_holds_no_connection(database: Any) -> None:
    def compute() -> int:
        return int(database.engine.pool.checkedout())

    assert get_or_compute(new_key(), compute, ttl=60) == 0


@pytest.mark.parametrize("lost", ["leases", "query_cache"])
def test_cache_that_fails_is_no_outage(
    migrated_database_url: str, tmp_path: Path, lost: str
) -> None:
    key = new_key()
    with connected(settings_for(migrated_database_url, tmp_path)) as database:
        put(key, "copied", ttl=60)
        get_db().executesql(f"DROP TABLE {lost}")

        if lost == "leases":  # Nobody knows who else computes; so everybody does.
            pool: Any = database.engine.pool
            assert get_or_compute(new_key(), pool.checkedout, ttl=60) == 0
        else:
            with pytest.raises(DatabaseError):
                get(key)


def test_no_copy_is_left_of_what_another_thread_deletes_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key, write = new_key(), cache_storage._write

    def write_and_be_overtaken(*arguments: Any) -> bool:
        is_new = write(*arguments)
        delete(key)
        return is_new

    monkeypatch.setattr(cache_storage, "_write", write_and_be_overtaken)

    put(key, "deleted", ttl=60)

    assert cache_storage._Bounds.copy.get(key.query_hash, clock.now()) is None


def test_nobody_waits_for_an_answer_that_cannot_be_kept() -> None:
    key = new_key()

    def ask() -> str:
        with deadline.at_most(3):
            return str(get_or_compute(key, compute, ttl=60))

    def compute() -> str:
        time.sleep(0.5)
        return "x" * MAX_RESULT_BYTES

    assert run_together([ask] * 10) == ["x" * MAX_RESULT_BYTES] * 10
    assert get_or_compute(key, lambda: "small", ttl=60) == "small"
    assert get(key).result == "small"


def test_failed_write_fails_nobody() -> None:
    keys = [new_key(), new_key(), new_key()]
    unstorable: list[Any] = [(1, 2), "x" * MAX_RESULT_BYTES, float("nan")]

    told = [
        get_or_compute(key, lambda result=result: result, ttl=60)  # type: ignore[misc]  # as above
        for key, result in zip(keys, unstorable, strict=True)
    ]

    assert repr(told) == repr(unstorable)
    assert [get(key) for key in keys] == [None] * 3
    assert [get_lease(key.lease) for key in keys] == [None] * 3


def test_every_json_comes_back_and_null_is_an_answer() -> None:
    results: list[Any] = [None, False, 0, "", [], {}, {"a": [1, 2.5, None, "ü"]}, "x" * 1000]

    for result in results:
        key = new_key()
        put(key, result, ttl=60)
        assert get(key).result == result
        assert get_or_compute(key, lambda: "other", ttl=60) == result


def test_nobody_finds_the_answer_of_another() -> None:
    query_hash = hash_query({"prompt": "mine"})
    owner = uuid4()
    private, guest = (
        Key(owner, CacheScope.USER, query_hash),
        Key(owner, CacheScope.GUEST, query_hash),
    )
    put(private, "private", ttl=60)

    others = [guest, Key.public(query_hash), Key(uuid4(), CacheScope.USER, query_hash)]

    assert [get(key) for key in others] == [None] * 3
    put(guest, "guest's", ttl=60)
    assert get(private).result == "private"


def test_answer_is_replaced_expires_and_is_deleted() -> None:
    key, now = new_key(CacheScope.USER), clock.now()
    with clock.frozen(now):
        assert put(key, 1, ttl=10)[1]
        assert not put(key, 2, ttl=10, fresh_for=5)[1]
        assert not get(key).is_stale(now)
    with clock.frozen(now + timedelta(seconds=5)):
        assert get(key).is_stale(clock.now())
        assert get(key).result == 2
    with clock.frozen(now + timedelta(seconds=10)):
        assert get(key) is None
        assert put(key, 3, ttl=10)[1]
    delete(key)
    assert get(key) is None
    delete(key)


def test_hash_knows_every_field_and_no_order() -> None:
    fields: dict[str, Any] = {"model": "m", "prompt": "ü", "parameters": {"b": 1, "a": [1, 2]}}

    assert hash_query(fields) == hash_query(dict(reversed(fields.items())))
    assert hash_query(fields) == hash_query(fields | {"parameters": {"a": [1, 2], "b": 1}})
    others: list[dict[str, Any]] = [
        {"model": "n"},
        {"parameters": {"a": [2, 1], "b": 1}},
        {"language": "de"},
    ]
    assert len({hash_query(fields | other) for other in [{}, *others]}) == 4
    for unfit in ({"a": float("nan")}, {"a": {1: 2}}, {"a": (1,)}, {"a": object()}):
        with pytest.raises(ValueError, match="document"):
            hash_query(unfit)


def rows() -> int:
    return int(get_db()(get_db().query_cache).count())


def test_expired_answers_go_first_and_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_storage, "BATCH", 4)
    now = clock.now()
    with clock.frozen(now):
        for seconds in range(1, 11):
            put(new_key(), "x", ttl=seconds)

    with clock.frozen(now + timedelta(seconds=9)):
        counts = [tidy() for _ in range(4)]

    assert counts == [4, 4, 1, 0]
    assert rows() == 1


def test_oldest_answers_go_until_the_rest_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_storage, "BATCH", 4)
    monkeypatch.setattr(cache_storage._Bounds, "max_bytes", 1000)
    now = clock.now()
    keys = [new_key() for _ in range(20)]
    for second, key in enumerate(keys):
        with clock.frozen(now + timedelta(seconds=second)):
            put(key, "x" * 98, ttl=1000)

    counts = [tidy() for _ in range(4)]

    assert counts == [4, 4, 2, 0]
    assert [get(key) is not None for key in keys] == [False] * 10 + [True] * 10


def test_writers_keep_the_cache_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_storage, "_ONE_WRITE_IN", 1)
    monkeypatch.setattr(cache_storage._Bounds, "max_bytes", 1000)

    for _ in range(30):
        put(new_key(), "x" * 98, ttl=1000)

    assert rows() == 10


def test_bytes_are_added_up_without_reading_the_answers(engine: str) -> None:
    if engine != "mariadb":
        pytest.skip("only MariaDB keeps the answers within the rows that it would read")
    with sent_statements() as sent:
        count_cached_bytes()
    (statement,) = sent

    assert "Using index" in repr(get_db().executesql(f"EXPLAIN {statement}"))


def test_what_somebody_writes_is_left_to_them(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if engine == "sqlite":
        pytest.skip("has one lock for all writers")
    now = clock.now()
    keys = [new_key(), new_key()]
    with clock.frozen(now):
        for key in keys:
            put(key, "x", ttl=1)
    locked, done = threading.Event(), threading.Event()

    def hold() -> None:
        cache = get_db().query_cache
        with transaction():
            get_db().lock_rows(cache.query_hash == keys[0].query_hash)
            locked.set()
            done.wait(30)

    def tidy_meanwhile() -> int:
        assert locked.wait(30)
        try:
            with clock.frozen(now + timedelta(seconds=2)):
                return tidy()
        finally:
            done.set()

    assert run_together([hold, tidy_meanwhile]) == [None, 1]
    assert rows() == 1


def test_clearing_disturbs_nobody_who_reads_or_writes() -> None:
    keys = [new_key() for _ in range(30)]
    others = [new_key(CacheScope.USER) for _ in range(5)]
    for key in keys + others:
        put(key, "x", ttl=60)
    before = clock.now()

    def read() -> set[Any]:
        return {getattr(get(key), "result", None) for _ in range(5) for key in keys}

    def write() -> None:
        for key in keys[:5]:
            put(key, "new", ttl=60)

    def clear_all() -> None:
        while clear(CacheScope.PUBLIC, before):
            release()

    told = run_together([clear_all, read, read, write])

    assert [each for each in told if isinstance(each, Exception)] == []
    assert clear(CacheScope.PUBLIC, before) == 0
    assert {getattr(get(key), "result", None) for key in keys[:5]} <= {"new"}
    assert [get(key) for key in keys[5:]] == [None] * 25
    assert count_answers()[CacheScope.USER]["entries"] == 5
