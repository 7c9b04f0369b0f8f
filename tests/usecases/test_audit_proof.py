"""Whatever somebody changes of the audit log is found, and the first place is named."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app import clock
from app.errors import Conflict
from app.models import (
    GENESIS,
    create_profile,
    delete_history,
    digest_row,
    digest_values,
    get_db,
    hash_block,
    list_unsealed_rows,
    release,
    spell_entries,
    transaction,
    update_profile,
)
from app.usecases import audit
from app.usecases.audit import Head, get_head, seal
from app.usecases.audit_proof import Flaw, verify
from app.usecases.erasure import erase_account
from app.usecases.history import record_action
from bilayer.runtime import Database
from tests.factories import make_history, make_user
from tests.support.threads import run_together

LATER = timedelta(minutes=5)
PER_BLOCK = 4
ODD_PAYLOAD = {
    "negative zero": -0.0,
    "small": 1e-7,
    "large": 1.5e300,
    "whole": 100.0,
    "integer": 10**30,
    "text": "wuff \N{DOG FACE} -0.0",
    "list": [True, 1, 1.0, None, {"b": 1, "a": 2}],
}


def seal_all() -> int:
    return sum(seal(clock.now() + LATER))


@pytest.fixture
def user(database: Database, monkeypatch: pytest.MonkeyPatch) -> UUID:
    """An account with changes of every kind: three blocks of four, and two rows in none."""
    monkeypatch.setattr(audit, "ROWS_IN_A_BLOCK", PER_BLOCK)
    user_id: UUID = make_user()["id"]
    create_profile(user_id)
    update_profile(user_id, display_name="Ada", preferences_patch={"a": 1})
    rows = [make_history(user_id, payload=ODD_PAYLOAD) for _ in range(8)]
    delete_history(user_id, rows[0]["id"])
    assert seal_all() == 12
    make_history(user_id)
    update_profile(user_id, display_name="Bob")
    return user_id


@pytest.fixture
def sql(user: UUID, database_url: str) -> Iterator[Callable[..., None]]:
    """Runs a statement as somebody does who comes past the service."""
    release()
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)

    def run(statement: str, **values: Any) -> None:
        with engine.begin() as connection:
            assert connection.execute(sa.text(statement), values).rowcount > 0

    yield run
    engine.dispose()


def sealed(block: int) -> list[dict[str, Any]]:
    """Return the rows of a block as it lists them: by time."""
    log = get_db().audit_log
    return get_db()(log.block == block).dicts(orderby=log.changed_at | log.id)  # type: ignore[no-any-return] # PyDAL's


def spelled(engine: str, row: dict[str, Any]) -> dict[str, str]:
    """Name a row as the engine's own tools do."""
    ids = {"user_id": row["user_id"], "id": row["id"]}
    return {name: one.hex if engine != "postgresql" else str(one) for name, one in ids.items()}


def put_back(table: str, rows: list[dict[str, Any]]) -> None:
    """Let rows be as they were."""
    key = get_db()[table]._primarykey
    get_db().keyed(get_db()[table], [[row[name] for name in key] for row in rows]).delete()
    get_db()[table].insert_many(rows)
    release()


ROW = "WHERE user_id = :user_id AND id = :id"
BREAKS = {
    'UPDATE audit_log SET new_value = \'{"display_name": "Eve"}\' ' + ROW: "values_changed",
    "UPDATE audit_log SET salt = 'x' " + ROW: "values_changed",
    "UPDATE audit_log SET record_id = 'x' " + ROW: "values_changed",
    "UPDATE audit_log SET old_value = NULL, new_value = NULL " + ROW: "values_changed",
    "UPDATE audit_log SET salt = NULL " + ROW: "values_changed",
    "UPDATE audit_log SET salt = NULL, old_value = NULL, new_value = NULL, record_id = '' "
    + ROW: "values_gone",
    "UPDATE audit_log SET digest = values_digest " + ROW: "row_changed",
    "UPDATE audit_log SET changed_by = 'user:eve' " + ROW: "row_changed",
    "UPDATE audit_log SET action = 'delete' " + ROW: "row_changed",
    "UPDATE audit_log SET block = NULL " + ROW: "row_moved",
    "DELETE FROM audit_log " + ROW: "row_missing",
}


def test_row_that_somebody_changed_is_named(
    user: UUID, engine: str, sql: Callable[..., None]
) -> None:
    first, last = sealed(2)[0], sealed(3)[-1]
    for statement, code in BREAKS.items():
        assert verify().flaw is None
        for row in (last, first):  # The later one first: it is the earlier one that is named.
            sql(statement, **spelled(engine, row))

        flaw = verify().flaw

        assert flaw is not None
        assert (flaw.code, flaw.block or 2, flaw.key) == (code, 2, (user, first["id"])), statement
        assert str(first["id"]) in flaw.message
        put_back("audit_log", [first, last])


def test_row_that_was_rewritten_with_digests_of_its_own_is_named(user: UUID) -> None:
    row = sealed(2)[1]
    forged = row | {"changed_by": "user:eve", "new_value": {"forged": True}}
    forged["values_digest"] = digest_values(
        forged["salt"], forged["record_id"], forged["old_value"], forged["new_value"]
    )
    forged["digest"] = digest_row(forged)
    log = get_db().audit_log
    get_db()((log.user_id == user) & (log.id == row["id"])).update(
        **{name: forged[name] for name in forged if name not in ("user_id", "id")}
    )

    assert flaw_of() == ("row_rewritten", 2, (user, row["id"]))


def test_row_that_is_slipped_into_a_block_is_named(user: UUID) -> None:
    row = sealed(2)[1] | {"id": UUID(int=7)}
    row["digest"] = digest_row(row)
    get_db().audit_log.insert(**row)

    assert flaw_of() == ("row_added", 2, (user, row["id"]))


def test_row_in_no_block_is_looked_at_too(user: UUID, sql: Callable[..., None]) -> None:
    before = verify()
    sql("UPDATE audit_log SET changed_by = 'user:eve' WHERE block IS NULL")

    assert (before.sealed, before.unsealed, before.flaw) == (12, 2, None)
    code, block, key = flaw_of()
    assert (code, block) == ("row_changed", None)
    assert key is not None


TOUCHES = {
    ("DELETE FROM audit_blocks WHERE number = 2",): ("block_missing", 2),
    ("DELETE FROM audit_blocks WHERE number = 3",): ("block_missing", 3),
    ("UPDATE audit_blocks SET entries = '[]', row_count = 0 WHERE number = 2",): (
        "block_changed",
        2,
    ),
    ("UPDATE audit_blocks SET row_count = 3 WHERE number = 1",): ("block_changed", 1),
    ("UPDATE audit_blocks SET hash = previous WHERE number = 3",): ("block_changed", 3),
    (
        "UPDATE audit_blocks SET number = 9 WHERE number = 1",
        "UPDATE audit_blocks SET number = 1 WHERE number = 2",
        "UPDATE audit_blocks SET number = 2 WHERE number = 9",
    ): ("block_changed", 1),
}


def test_block_that_somebody_touched_is_named(user: UUID, sql: Callable[..., None]) -> None:
    blocks = get_db()(get_db().audit_blocks).dicts()
    for statements, (code, block) in TOUCHES.items():
        assert verify().flaw is None
        for statement in statements:
            sql(statement)

        assert flaw_of() == (code, block, None), statements
        put_back("audit_blocks", blocks)


def test_block_that_was_made_anew_with_all_its_rows_breaks_the_chain(user: UUID) -> None:
    db = get_db()
    block = db(db.audit_blocks.number == 2).one()
    kept = sealed(2)[1:]
    entries = spell_entries(kept)
    forged = hash_block(2, block["previous"], block["sealed_at"], entries)
    db(db.audit_blocks.number == 2).update(entries=entries, row_count=len(kept), hash=forged)

    assert flaw_of() == ("chain_broken", 3, None)


def test_end_that_was_cut_off_is_found_by_who_noted_the_head(
    user: UUID, sql: Callable[..., None]
) -> None:
    noted = get_head()
    assert noted.number == 3
    assert verify(noted).flaw is None
    assert flaw_of(Head(2, GENESIS)) == ("head_differs", 2, None)

    sql("DELETE FROM audit_log WHERE block = 3")
    sql("DELETE FROM audit_blocks WHERE number = 3")

    assert verify().flaw is None
    assert flaw_of(noted) == ("block_missing", 3, None)


def test_erasing_somebody_leaves_the_seals_whole(user: UUID) -> None:
    other = make_user()["id"]
    create_profile(other)
    seal_all()

    erase_account(user)
    seal_all()

    proof = verify()
    assert (proof.flaw, proof.unsealed) == (None, 0)
    log = get_db().audit_log
    for row in get_db()(log.user_id == user).dicts():
        assert (row["old_value"], row["new_value"]) == (None, None)
    assert get_db()((log.user_id == other) & (log.new_value != None)).count() == 2  # noqa: E711


def test_rows_of_sixteen_writers_are_all_sealed_however_late_they_commit(
    user: UUID, engine: str
) -> None:
    has_written, may_commit = threading.Event(), threading.Event()

    def write() -> None:
        for _ in range(6):
            record_action(user, action_id=None, action_type="A", payload={"n": 1})

    def write_late() -> None:
        other = make_user()["id"]
        with transaction():
            make_history(other)
            has_written.set()
            if engine != "sqlite":  # It has one writer at a time, so nobody can be late.
                may_commit.wait(30)

    def seal_meanwhile() -> None:
        has_written.wait(30)
        seal_all()
        may_commit.set()

    outcomes = run_together([write_late, seal_meanwhile, *[write] * 14])
    seal_all()

    proof = verify()
    assert outcomes == [None] * 16
    assert (proof.flaw, proof.unsealed) == (None, 0)
    assert proof.sealed == int(get_db()(get_db().audit_log).count()) >= 14 + 6 * 14 + 2


def flaw_of(noted: Head | None = None) -> tuple[str, int | None, Any]:
    flaw: Flaw | None = verify(noted).flaw
    assert flaw is not None
    return flaw.code, flaw.block, flaw.key


def test_two_who_seal_at_once_never_seal_a_row_twice(
    user: UUID, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine == "sqlite":
        pytest.skip("one writer at a time: nobody seals between what another reads")

    def list_slowly(**options: Any) -> Any:
        rows = list_unsealed_rows(**options)
        monkeypatch.setattr(audit, "list_unsealed_rows", list_unsealed_rows)
        assert run_together([lambda: audit._seal_block(clock.now() + LATER)]) == [2]
        return rows

    monkeypatch.setattr(audit, "list_unsealed_rows", list_slowly)

    with pytest.raises(Conflict):
        audit._seal_block(clock.now() + LATER)

    proof = verify()
    assert (proof.flaw, proof.sealed, proof.unsealed) == (None, 14, 0)
