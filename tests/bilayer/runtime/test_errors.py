"""Errors: one tree for three drivers, with the place of the fault and without anybody's values."""

from __future__ import annotations

import copy
import pickle
import threading
import traceback
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.errors import BilayerError
from bilayer.runtime import (
    CheckViolation,
    ConnectionLost,
    ConstraintViolation,
    Database,
    DatabaseError,
    Deadlock,
    ForeignKeyViolation,
    InvalidValue,
    LockTimeout,
    NotNullViolation,
    OutcomeUnknown,
    OutOfMemory,
    Param,
    PermissionDenied,
    PoolTimeout,
    ReadOnly,
    SerializationFailure,
    StatementTimeout,
    StorageFailure,
    StorageFull,
    TooManyConnections,
    TransactionAborted,
    UniqueViolation,
    prepared,
    select,
    update,
)
from tests.bilayer.runtime import schema
from tests.bilayer.runtime.engines import only
from tests.bilayer.runtime.threads import other_thread, run_together
from tests.support.proxy import Proxy
from tests.support.run import Run
from tests.support.servers import Server

CANARY = "canary-7f3a"
UNKNOWN = uuid.UUID(int=0xCA4A)


def error_of(action: Callable[[], Any]) -> DatabaseError:
    """Run what must fail; give its error."""
    with pytest.raises(DatabaseError) as failure:
        action()
    return failure.value


def assert_silent(error: BaseException, *secrets: object) -> None:
    """Check that nothing of an error shows a value: not its text, not what is chained to it."""
    assert error.__cause__ is None
    assert error.__context__ is None
    told = "".join(traceback.format_exception(error))
    told = "\n".join(line for line in told.splitlines() if not line.startswith("    "))
    told += f"{error!r} {error.args} {vars(error)}"
    for secret in secrets or (CANARY,):
        assert str(secret) not in told


# -- the tree


def test_tree_has_one_root_and_retry_classes_are_told_apart() -> None:
    classes = (
        ConstraintViolation, Deadlock, SerializationFailure, LockTimeout, StatementTimeout,
        ConnectionLost, ReadOnly, PoolTimeout, TransactionAborted, InvalidValue,
    )  # fmt: skip

    assert all(issubclass(kind, DatabaseError) for kind in classes)
    assert issubclass(DatabaseError, BilayerError)
    assert issubclass(OutcomeUnknown, ConnectionLost)
    assert issubclass(InvalidValue, ValueError)
    for kind in (UniqueViolation, ForeignKeyViolation, CheckViolation, NotNullViolation):
        assert issubclass(kind, ConstraintViolation)


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_errors_survive_copying_between_processes(again: Callable[[Any], Any]) -> None:
    violation = UniqueViolation("a row exists", code="23505", constraint="uq", table="t")
    value = InvalidValue("too long", "t", "c")

    assert (str(again(violation)), again(violation).constraint) == (str(violation), "uq")
    assert (str(again(value)), again(value).column) == ("t.c: too long", "c")


# -- constraints


def test_unique_violation_names_its_constraint(db: Any, engine: str) -> None:
    db.things.insert(code=CANARY)

    error = error_of(lambda: db.things.insert(code=CANARY))

    assert isinstance(error, UniqueViolation)
    assert error.constraint == "uq_things_code"
    if engine != "mariadb":
        assert (error.table, error.column) == ("things", "code")
    assert error.code == {"sqlite": "SQLITE_CONSTRAINT_UNIQUE", "postgresql": "23505"}.get(
        engine, "1062"
    )
    assert_silent(error)


def test_primary_key_violation_is_a_unique_violation(db: Any, engine: str) -> None:
    db.owners.insert(id=UNKNOWN)
    db.members.insert(owner_id=UNKNOWN, place=1)

    single = error_of(lambda: db.owners.insert(id=UNKNOWN, name=CANARY))
    composite = error_of(lambda: db.members.insert(owner_id=UNKNOWN, place=1, label=CANARY))

    assert isinstance(single, UniqueViolation)
    assert isinstance(composite, UniqueViolation)
    if engine == "mariadb":
        assert (single.constraint, composite.constraint) == ("PRIMARY", "PRIMARY")
    else:
        assert (single.table, composite.table) == ("owners", "members")
        assert single.column == "id"
        assert composite.column is None
    for error in (single, composite):
        assert_silent(error, CANARY, UNKNOWN, UNKNOWN.hex)


def test_reference_to_nothing_is_a_foreign_key_violation(db: Any, engine: str) -> None:
    error = error_of(lambda: db.things.insert(owner=UNKNOWN, body=CANARY))

    assert isinstance(error, ForeignKeyViolation)
    if engine != "sqlite":  # SQLite does not tell which.
        assert error.constraint == "fk_things_owner"
    assert_silent(error, CANARY, UNKNOWN, UNKNOWN.hex)


def test_removal_of_what_is_pointed_to_is_a_foreign_key_violation(db: Any, engine: str) -> None:
    db.owners.insert(id=UNKNOWN)
    db.members.insert(owner_id=UNKNOWN, place=1, label=CANARY)

    error = error_of(lambda: db(db.owners.id == UNKNOWN).delete())

    assert isinstance(error, ForeignKeyViolation)
    if engine != "sqlite":
        assert error.constraint == "fk_members_owner"
    assert_silent(error, CANARY, UNKNOWN, UNKNOWN.hex)


def test_check_violation_names_its_constraint(db: Any) -> None:
    error = error_of(lambda: db.things.insert(small=13, body=CANARY))

    assert isinstance(error, CheckViolation)
    assert error.constraint == "ck_things_small"
    assert_silent(error)


def test_not_null_violation_names_its_column(db: Any, engine: str) -> None:
    db.owners.insert(id=UNKNOWN)

    given = error_of(lambda: db.members.insert(owner_id=UNKNOWN, place=1, label=None))
    db.members.insert(owner_id=UNKNOWN, place=1, label=CANARY)
    changed = error_of(lambda: db(db.members.place == 1).update(visits=None))

    assert isinstance(given, NotNullViolation)
    assert isinstance(changed, NotNullViolation)
    assert (given.column, changed.column) == ("label", "visits")
    if engine != "mariadb":
        assert (given.table, changed.table) == ("members", "members")
    for error in (given, changed):
        assert_silent(error, CANARY, UNKNOWN, UNKNOWN.hex)


@pytest.mark.parametrize(
    "value",
    [
        "for key 'uq_other'",
        "x' for key 'uq_other",
        "CONSTRAINT `fk_other`",
        "members.place, members.label",
        'Key ("other")=(x) already exists',
        "UNIQUE constraint failed: other.column",
        "connection already closed",
        "server closed the connection unexpectedly",
        "Lost connection to MySQL server",
    ],
)
def test_value_that_looks_like_a_message_misleads_nobody(db: Any, value: str) -> None:
    db.things.insert(code=value)

    error = error_of(lambda: db.things.insert(code=value))

    assert isinstance(error, UniqueViolation)
    assert error.constraint == "uq_things_code"
    assert error.column in ("code", None)
    assert_silent(error, value)


def test_unknown_error_of_the_database_is_plain(db: Any) -> None:
    error = error_of(lambda: db.executesql(f"SELECT '{CANARY}' FROM no_such_table"))

    assert type(error) is DatabaseError
    assert error.code
    assert_silent(error)


# -- values that are never sent


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("code", CANARY * 10),
        ("code", f"{CANARY}\x00"),
        ("code", f"{CANARY}\ud800"),
        ("small", CANARY),
        ("token", CANARY),
        ("price", CANARY),
        ("moment", CANARY),
        ("day", CANARY),
        ("hour", CANARY),
        ("data", CANARY),
        ("flag", CANARY),
        ("ratio", CANARY),
        ("document", {CANARY: object()}),
        ("document", {CANARY: float("nan")}),
        ("document", {CANARY: f"{CANARY}\ud800"}),
        ("words", CANARY),
        ("numbers", [CANARY]),
    ],
)
def test_refused_value_is_named_by_its_place_and_not_shown(
    db: Any, column: str, value: Any
) -> None:
    find = prepared(lambda db: select(db.things[column] == Param("p"), db.things.id))
    change = prepared(lambda db: update(db.things.id == 1, **{column: Param("p")}))
    attempts: list[Callable[[], Any]] = [
        lambda: db.things.insert(**{column: value}),
        lambda: db.things.insert_many([{column: value}]),
        lambda: db(db.things.id == 1).update(**{column: value}),
        lambda: db.things.upsert({"id": 1, column: value}, conflict=["id"]),
        lambda: change.run(db, p=value),
    ]

    for attempt in attempts:
        error = error_of(attempt)
        assert isinstance(error, InvalidValue)
        assert (error.table, error.column) == ("things", column)
        assert str(error).startswith(f"things.{column}: ")
        assert_silent(error)
    if len(str(value)) < 60:  # a longer text is compared, it just equals nothing
        for compare in (
            lambda: db(db.things[column] == value).dicts(),
            lambda: find.dicts(db, p=value),
        ):
            error = error_of(compare)
            assert isinstance(error, InvalidValue)
            assert_silent(error)
    assert db(db.things).count() == 0


def test_unknown_column_is_refused_by_name(db: Any) -> None:
    attempts: list[Callable[[], Any]] = [
        lambda: db.things.insert(nothing=CANARY),
        lambda: db.things.insert_many([{"nothing": CANARY}]),
        lambda: db(db.things.id == 1).update(nothing=CANARY),
        lambda: db.things.upsert({"id": 1, "nothing": CANARY}, conflict=["id"]),
    ]

    for attempt in attempts:
        error = error_of(attempt)
        assert isinstance(error, InvalidValue)
        assert (error.table, error.column) == ("things", "nothing")
        assert_silent(error)


# -- what a server says of itself

_RAISE = {
    "postgresql": "DO $$ BEGIN RAISE EXCEPTION '{text}' USING ERRCODE = '{code}'; END $$",
    "mysql": "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = {code}, MESSAGE_TEXT = '{text}'",
}


@only("postgresql")
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("42501", PermissionDenied), ("53100", StorageFull), ("53200", OutOfMemory),
        ("53300", TooManyConnections), ("58030", StorageFailure), ("58P01", StorageFailure),
        ("XX001", StorageFailure), ("XX002", StorageFailure), ("25006", ReadOnly),
        ("XX000", DatabaseError),
    ],
)  # fmt: skip
def test_sqlstate_has_its_class(database: Database, code: str, kind: type[DatabaseError]) -> None:
    error = error_of(lambda: _raise(database, code, CANARY))

    assert type(error) is kind
    assert error.code == code
    assert_silent(error)


@only("mariadb")
@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        ("1044", CANARY, PermissionDenied), ("1142", CANARY, PermissionDenied),
        ("1143", CANARY, PermissionDenied), ("1227", CANARY, PermissionDenied),
        ("1021", CANARY, StorageFull), ("1114", CANARY, StorageFull),
        ("1030", f'Got error 28 "{CANARY}" from storage engine InnoDB', StorageFull),
        ("1026", f'Error writing file "{CANARY}" (Errcode: 28 "No space")', StorageFull),
        ("1030", f"Got error 126 {CANARY}", StorageFailure),
        ("1034", CANARY, StorageFailure), ("1180", f"Got error 5 {CANARY}", StorageFailure),
        ("1041", CANARY, OutOfMemory), ("1226", CANARY, TooManyConnections),
        ("1290", CANARY, ReadOnly), ("1792", CANARY, ReadOnly), ("1836", CANARY, ReadOnly),
    ],
)  # fmt: skip
def test_number_has_its_class(
    database: Database, code: str, text: str, kind: type[DatabaseError]
) -> None:
    error = error_of(lambda: _raise(database, code, text))

    assert type(error) is kind
    assert error.code == code
    assert_silent(error)


def _raise(database: Database, code: str, text: str) -> None:
    database.dal.executesql(_RAISE[database.engine_name].format(code=code, text=text))


def test_server_without_a_slot_is_told_from_one_that_is_not_there(
    server: Server, suite_run: Run
) -> None:
    name = suite_run.new_name()
    url = sa.make_url(server.create_database(name)).set(username="few")
    few = "ROLE few LOGIN CONNECTION LIMIT 1"
    if server.engine == "mariadb":
        few = f"USER few IDENTIFIED BY '{CANARY}' WITH MAX_USER_CONNECTIONS 1"
        url = url.set(password=CANARY)
    server.execute(f"CREATE {few}")
    if server.engine == "mariadb":
        server.execute(f"GRANT SELECT ON {name}.* TO few")
    with Database.connect(url) as first, Database.connect(url) as second:
        first.dal.executesql("SELECT 1")

        error = error_of(lambda: second.dal.executesql("SELECT 1"))
    server.execute(f"DROP {few.split()[0]} few")
    server.drop_database(name)

    assert isinstance(error, TooManyConnections)
    assert isinstance(error, PoolTimeout)
    assert error.code
    assert_silent(error, CANARY, name)


# -- what else can happen


def test_stopped_statement_shows_nothing(tables_url: str) -> None:
    slow = {
        "sqlite": "WITH RECURSIVE n(i, t) AS"
        f" (SELECT 1, '{CANARY}' UNION ALL SELECT i + 1, t FROM n) SELECT count(*) FROM n",
        "postgresql": f"SELECT pg_sleep(30), '{CANARY}'",
        "mysql": f"SELECT sleep(30), '{CANARY}'",
    }
    with schema.connect(tables_url, statement_timeout=0.4, read_timeout=2) as database:
        error = error_of(lambda: database.dal.executesql(slow[database.engine_name]))

    assert isinstance(error, StatementTimeout)
    assert_silent(error)


def test_lock_that_is_not_granted_shows_nothing(
    db: Any, database: Database, tables_url: str
) -> None:
    key = db.owners.insert(id=uuid.uuid4())

    def change() -> None:
        db(db.owners.id == key).update(name="theirs")

    with (
        schema.connect(tables_url, lock_timeout=1) as impatient,
        other_thread(database, change),
    ):
        owners = impatient.dal.owners
        error = error_of(lambda: impatient.dal(owners.id == key).update(name=CANARY))

    assert isinstance(error, LockTimeout)
    assert_silent(error, CANARY, key, key.hex)


def test_readonly_transaction_shows_nothing(db: Any, database: Database) -> None:
    def write() -> None:
        with database.transaction(readonly=True):
            db.owners.insert(id=UNKNOWN, name=CANARY)

    error = error_of(write)

    assert isinstance(error, ReadOnly)
    assert_silent(error)


def test_aborted_transaction_shows_nothing(db: Any, database: Database) -> None:
    db.things.insert(code=CANARY)

    def swallow() -> None:
        with database.transaction(), suppress(UniqueViolation):
            db.things.insert(code=CANARY)

    error = error_of(swallow)

    assert isinstance(error, TransactionAborted)
    assert_silent(error)


@only("postgresql", "mariadb")
def test_deadlock_shows_nothing(db: Any, database: Database) -> None:
    first, second = (db.owners.insert(id=uuid.uuid4()) for _ in range(2))
    both_hold_one = threading.Barrier(2)
    errors: list[DatabaseError] = []

    def cross(mine: uuid.UUID, other: uuid.UUID) -> None:
        try:
            with database.transaction():
                db(db.owners.id == mine).update(name=CANARY)
                both_hold_one.wait(10)
                db(db.owners.id == other).update(name=CANARY)
        except DatabaseError as error:
            errors.append(error)

    run_together(database, [lambda: cross(first, second), lambda: cross(second, first)])

    (error,) = errors
    assert isinstance(error, Deadlock)
    assert_silent(error, CANARY, first, second)


@only("postgresql")
def test_serialization_failure_shows_nothing(db: Any, database: Database, core: sa.Engine) -> None:
    key = db.owners.insert(id=uuid.uuid4(), name="old")

    def change_late() -> None:
        with database.transaction("REPEATABLE READ"):
            db(db.owners).count()
            with core.begin() as connection:
                connection.execute(schema.owners.update().values(name="new"))
            db(db.owners.id == key).update(name=CANARY)

    error = error_of(change_late)

    assert isinstance(error, SerializationFailure)
    assert_silent(error, CANARY, key)


@only("postgresql", "mariadb")
@pytest.mark.parametrize("marker", ["SELECT", "COMMIT"])
def test_lost_connection_shows_nothing(tables_url: str, marker: str) -> None:
    with Proxy(tables_url) as proxy, schema.connect(proxy.url) as database:
        db = database.dal
        database.dal(db.owners).count()
        proxy.lose_answer_to(marker)

        def work() -> None:
            with database.transaction():
                db.owners.insert(id=uuid.uuid4(), name=CANARY)
                if marker == "SELECT":
                    db(db.owners.name == CANARY).count()

        error = error_of(work)

    assert type(error) is (ConnectionLost if marker == "SELECT" else OutcomeUnknown)
    assert_silent(error)


def test_full_pool_shows_nothing(tables_url: str) -> None:
    with schema.connect(tables_url, pool_size=1, max_overflow=0, pool_timeout=0.1) as database:
        query = database.dal(database.dal.owners.name == CANARY)
        with other_thread(database, query.count, transaction=False):
            error = error_of(query.count)

    assert isinstance(error, PoolTimeout)
    assert_silent(error)


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_server_that_is_not_there_shows_no_url(scheme: str) -> None:
    url = f"{scheme}://someone:{CANARY}@127.0.0.1:1/nothing"
    with Database.connect(url) as database:
        error = error_of(lambda: database.dal.executesql("SELECT 1"))

    assert isinstance(error, ConnectionLost)
    assert_silent(error, CANARY, "someone", "127.0.0.1")


@only("mariadb", "postgresql")
def test_wrong_database_is_a_lost_connection(scratch_url: str) -> None:
    url = sa.make_url(scratch_url).set(database="no_such_database")
    with Database.connect(url.render_as_string(hide_password=False)) as database:
        error = error_of(lambda: database.dal.executesql("SELECT 1"))

    assert isinstance(error, ConnectionLost)


def test_file_that_is_no_database_is_a_failure_of_the_storage(tmp_path: Any) -> None:
    file = tmp_path / "broken.db"
    file.write_bytes(b"this is no database" * 100)
    with Database.connect(f"sqlite:///{file}") as database:
        error = error_of(lambda: database.dal.executesql("SELECT 1"))

    assert isinstance(error, StorageFailure)
    assert_silent(error, str(tmp_path))
