"""Fork: a child has connections of its own, and the parent's go on as if nothing had happened."""

from __future__ import annotations

import json
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.errors import BilayerError
from bilayer.runtime import Database, StatementTimeout, TransactionMisuse
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import backend, only
from tests.bilayer.runtime.guards import Watchman
from tests.bilayer.runtime.threads import other_thread, run_together

CHILD_SECONDS = 10

# From Python 3.12 on every fork of a process with threads warns; what follows it is tested here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class Refused(Exception):
    """Raised inside a block to leave it."""


class Child:
    """A forked process that runs an action and tells what it returned."""

    def __init__(self, action: Callable[[], Any]) -> None:
        self._answer, answer = os.pipe()
        self._process = os.fork()
        if self._process == 0:
            try:
                text = json.dumps(action())
            except BaseException as error:  # noqa: BLE001 - told to the parent
                text = json.dumps({"raised": repr(error)})
            os.write(answer, text.encode())
            os._exit(0)
        os.close(answer)

    def result(self) -> Any:
        """Wait for the end of the child; give what its action returned."""
        answered, _, _ = select.select([self._answer], [], [], CHILD_SECONDS)
        if not answered:
            os.kill(self._process, signal.SIGKILL)
        with os.fdopen(self._answer) as answer:
            text = answer.read()
        os.waitpid(self._process, 0)
        assert text, "the child hung or crashed"
        return json.loads(text)


def add(database: Database, name: str) -> None:
    database.dal.owners.insert(id=uuid.uuid4(), name=name)


def count(database: Database) -> int:
    return int(database.dal(database.dal.owners).count())


def names(core: sa.Engine) -> list[str]:
    with core.connect() as connection:
        return sorted(map(str, connection.scalars(sa.select(schema.owners.c.name))))


@only("postgresql", "mariadb")
def test_child_has_a_connection_of_its_own(database: Database) -> None:
    before = backend(database)

    in_child = Child(lambda: [backend(database), backend(database)]).result()

    assert in_child[0] == in_child[1] != before
    assert backend(database) == before


def test_child_and_parent_both_go_on(database: Database, core: sa.Engine) -> None:
    add(database, "before")

    child = Child(lambda: [count(database), add(database, "child"), count(database)])

    assert child.result() == [1, None, 2]
    add(database, "after")
    assert names(core) == ["after", "before", "child"]


def test_idle_connections_of_the_parent_are_not_taken(database: Database, core: sa.Engine) -> None:
    backends = run_together(database, [partial(_backend_as_text, database)] * 2)

    in_child = Child(lambda: [_backend_as_text(database), add(database, "child")]).result()

    if database.engine_name != "sqlite":
        assert in_child[0] not in backends
    run_together(database, [partial(add, database, "parent")] * 2)
    assert names(core) == ["child", "parent", "parent"]


def test_transaction_of_the_parent_survives_its_child(database: Database, core: sa.Engine) -> None:
    with database.transaction():
        add(database, "first")
        in_child = Child(lambda: [database.in_transaction, _count_or_refusal(database)]).result()
        add(database, "second")

    assert in_child == [False, _unless_sqlite(database, 0)]
    assert names(core) == ["first", "second"]


def test_child_that_leaves_the_parents_block_commits_nothing(
    database: Database, core: sa.Engine
) -> None:
    def leave() -> str:
        try:
            block.__exit__(None, None, None)
        except BilayerError as error:
            return type(error).__name__
        return "left"

    block = database.transaction()
    block.__enter__()
    add(database, "undone")
    said = Child(leave).result()
    block.__exit__(Refused, Refused(), None)

    assert said == "TransactionMisuse"
    assert names(core) == []
    assert not database.in_transaction


@only("postgresql", "mariadb")
def test_child_may_write_while_the_parent_is_in_a_transaction(
    database: Database, core: sa.Engine
) -> None:
    def work() -> None:
        with database.transaction():
            add(database, "child")
        add(database, "child outside")

    with suppress(Refused), database.transaction():
        add(database, "undone")
        said = Child(work).result()
        raise Refused

    assert said is None
    assert names(core) == ["child", "child outside"]


def test_transactions_of_other_threads_survive_a_fork(tables_url: str, core: sa.Engine) -> None:
    # Two of the three connections are overflow: the child must not close them on its way.
    with schema.connect(tables_url, pool_size=1, max_overflow=2) as database:
        is_sqlite = database.engine_name == "sqlite"
        forked = threading.Event()

        def work(name: str) -> None:
            with database.transaction(readonly=is_sqlite and name != "writer"):
                count(database)
                if name == "writer" or not is_sqlite:
                    add(database, name)
                ready.wait(10)
                assert forked.wait(10)
                count(database)
                if name == "writer" or not is_sqlite:
                    add(database, name)

        ready = threading.Barrier(4)
        threads = [
            threading.Thread(target=work, args=(name,)) for name in ("writer", "two", "three")
        ]
        for thread in threads:
            thread.start()
        ready.wait(10)
        seen_by_child = Child(partial(_count_or_refusal, database)).result()
        forked.set()
        for thread in threads:
            thread.join()

    assert seen_by_child == _unless_sqlite(database, 0)
    assert (
        names(core) == ["writer"] * 2 if is_sqlite else ["three"] * 2 + ["two"] * 2 + ["writer"] * 2
    )


def test_child_that_ends_like_any_program_hurts_nobody(tables_url: str, core: sa.Engine) -> None:
    program = """
import os, sys, uuid
from bilayer.runtime import Database, Field, TransactionMisuse
database = Database.connect(sys.argv[1], pool_size=1)
db = database.dal
db.define_table("owners", Field("id", "uuid"), Field("name", length=40), primarykey=["id"])
with database.transaction():
    db.owners.insert(id=uuid.uuid4(), name="first")
    child = os.fork()
    if child == 0:
        try:
            assert db(db.owners).count() == 0
        except TransactionMisuse:
            assert database.engine_name == "sqlite"
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    db.owners.insert(id=uuid.uuid4(), name="second")
"""
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program, tables_url],
        check=False,
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
    )

    assert done.stderr == ""
    assert names(core) == ["first", "second"]


def test_multiprocessing_children_work_beside_the_parent(
    database: Database, core: sa.Engine
) -> None:
    context: Any = multiprocessing.get_context("fork")
    add(database, "parent")

    children = [context.Process(target=add, args=(database, f"child {n}")) for n in range(3)]
    for child in children:
        child.start()
    add(database, "parent")
    for child in children:
        child.join(CHILD_SECONDS)

    assert [child.exitcode for child in children] == [0, 0, 0]
    assert names(core) == ["child 0", "child 1", "child 2", "parent", "parent"]


def test_workers_forked_after_a_connection_was_used_do_not_mix_answers(
    database: Database, core: sa.Engine
) -> None:
    database.dal.things.insert(big=0)

    def work(worker: int) -> list[bool]:
        db, right = database.dal, []
        for turn in range(25):
            db(db.things).update(big=db.things.big + 1)
            name = f"{worker} {turn}"
            add(database, name)
            right.append(db(db.owners.name == name).one(db.owners.name) == {"name": name})
        return right

    workers = [Child(partial(work, worker)) for worker in range(4)]
    own_work = work(99)
    answers = [worker.result() for worker in workers]

    assert [own_work, *answers] == [[True] * 25] * 5
    assert database.dal(database.dal.things).one(database.dal.things.big) == {"big": 125}
    assert len(names(core)) == 125


@only("postgresql", "mariadb")
def test_fork_at_any_moment_never_hangs_the_child(tables_url: str) -> None:
    # Threads that take and give back connections hold the locks of pool and watchdog all the time.
    # SQLite's own library forbids a fork while a thread is inside of it:
    # https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_
    with schema.connect(tables_url, pool_size=2, max_overflow=4) as database:
        stop = threading.Event()

        def hammer() -> None:
            while not stop.is_set():
                count(database)
                database.release()

        threads = [threading.Thread(target=hammer) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            answers = [Child(partial(count, database)).result() for _ in range(15)]
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    assert answers == [0] * 15


@only("sqlite")
def test_sqlite_child_is_not_bound_by_locks_that_nobody_holds(
    tables_url: str, core: sa.Engine
) -> None:
    with schema.connect(tables_url, lock_timeout=0.5) as database:
        committed, commit = os.pipe()

        def write_later() -> str:
            os.read(committed, 1)
            try:
                add(database, "child")
            except BilayerError as error:
                return type(error).__name__
            return "wrote"

        with database.transaction():
            add(database, "parent")
            child = Child(write_later)
        os.write(commit, b"x")
        said = child.result()
        for end in (committed, commit):
            os.close(end)

    assert said in ("wrote", "TransactionMisuse")
    assert "parent" in names(core)


@only("sqlite")
def test_child_has_a_watchdog_of_its_own(tables_url: str) -> None:
    endless = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    )
    with schema.connect(tables_url, statement_timeout=0.4, read_timeout=0.5) as database:
        count(database)

        def run() -> str:
            try:
                database.dal.executesql(endless)
            except StatementTimeout:
                return "stopped"
            return "ended"

        assert Child(run).result() == "stopped"
        with other_thread(database, partial(count, database), transaction=False):
            assert count(database) == 0


def _unless_sqlite(database: Database, result: int) -> int | str:
    """A child forked while SQLite was in use is refused: the library cannot be inherited so."""
    return "TransactionMisuse" if database.engine_name == "sqlite" else result


def _count_or_refusal(database: Database) -> int | str:
    try:
        return count(database)
    except TransactionMisuse as error:
        return type(error).__name__


def _backend_as_text(database: Database) -> str:
    return str(backend(database))


def test_guard_starts_anew_in_a_child(tables_url: str) -> None:
    guard = Watchman()
    with schema.connect(tables_url, guard=guard) as database:
        count(database)
        database.release()

        told = Child(lambda: (count(database), guard.told)).result()

    # The parent's ticket is the parent's: the child does not give it back.
    assert told == [0, ["admit", "connected", "leave", "renew", "admit", "connected"]]
    assert "renew" not in guard.told


@only("postgresql", "mariadb")
def test_ticket_that_is_out_at_a_fork_is_given_back_by_the_parent_alone(tables_url: str) -> None:
    guard = Watchman()
    with schema.connect(tables_url, guard=guard) as database:
        count(database)

        told = Child(lambda: (count(database), database.release(), guard.told)).result()

        assert guard.told == ["admit", "connected"]
    assert guard.told == ["admit", "connected", "leave"]
    assert told[-1] == ["admit", "connected", "renew", "admit", "connected", "leave"]
