"""Many rows at once, which PostgreSQL takes by COPY: the same values, order and refusals."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from bilayer.runtime import Database, TransactionAborted, UniqueViolation
from tests.bilayer.runtime.owners import names

MANY = 200
SIGNS = [
    "\\",
    "\\N",
    "\\.",
    "\t",
    "a\nb",
    "\r\n",
    "'",
    '"',
    "%s",
    "%",
    "",
    " ",
    "你好 🎉",
    "\x01",
    "NULL",
]


def owners(*given: str) -> list[dict[str, Any]]:
    """Make many owners, some of whom have these names."""
    others = [f"other {number}" for number in range(MANY - len(given))]
    return [{"id": uuid.uuid4(), "name": name} for name in (*given, *others)]


def test_many_rows_are_read_as_they_were_given(db: Any) -> None:
    db.owners.insert_many(rows := owners(*SIGNS, "none"))

    given = {row["id"]: row["name"] for row in rows}
    assert {row["id"]: row["name"] for row in db(db.owners).dicts()} == given


def test_values_of_each_kind_are_read_as_they_were_given(db: Any) -> None:
    kinds: dict[str, list[Any]] = {
        "small": [-5, None],
        "flag": [True, False, None],
        "ratio": [0.1, -1e-7, 1e300, None],
        "moment": [datetime(1, 1, 1, tzinfo=UTC), datetime(2026, 4, 1, 12, 0, 0, 123456, UTC)],
        "document": [{"a\\b": ['\\"', "\t", None, 1.5]}, [], None],
        "price": [Decimal("0.0001"), Decimal("-12345678901234.5000"), None],
        "token": [uuid.uuid4(), None],
        "data": [b"", b"\\\x00\xff\n", None],
    }
    rows = [
        {"id": number + 1, **{name: some[number % len(some)] for name, some in kinds.items()}}
        for number in range(MANY)
    ]

    db.things.insert_many(rows)

    columns = [db.things[name] for name in rows[0]]
    assert db(db.things).dicts(*columns, orderby=db.things.id) == rows


def test_one_that_is_there_twice_undoes_all(db: Any, database: Database, core: sa.Engine) -> None:
    rows = owners()
    with pytest.raises(UniqueViolation):
        db.owners.insert_many([*rows, rows[0]])
    with pytest.raises(TransactionAborted), database.transaction():
        db.owners.insert(id=uuid.uuid4(), name="first")
        with pytest.raises(UniqueViolation):
            db.owners.insert_many([*rows, rows[0]])
        db(db.owners).count()

    assert names(core) == set()
    db.owners.insert(id=uuid.uuid4(), name="after")
    assert names(core) == {"after"}


def test_rows_that_nobody_waits_for_come_before_many_that_need_them(
    db: Any, database: Database, core: sa.Engine
) -> None:
    owner = uuid.uuid4()
    with database.transaction():
        db(db.owners).count()
        db.owners.insert_many([{"id": owner, "name": "first"}], is_awaited=False)
        members = [{"owner_id": owner, "place": place} for place in range(MANY)]
        db.members.insert_many(members, is_awaited=False)

    assert names(core) == {"first"}
    assert db(db.members.owner_id == owner).count() == MANY
