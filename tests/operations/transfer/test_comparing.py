"""Each difference between two databases is found, and told with its place and both values."""

from __future__ import annotations

import datetime as dt
import uuid
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.db.models import metadata
from app.operations.transfer.documents import find_difference
from tests.operations.transfer.conftest import compare, copy
from tests.operations.transfer.extremes import FIRST, LAST, OWNER

Told = tuple[str, str, str | None, str | None, str | None]


def change(url: str, table: str, number: int, **values: Any) -> str:
    """Change a row of the owner; tells its key as people read it."""
    known = metadata.tables[table]
    key = uuid.UUID(int=1000 + number)
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        statement = known.update().where(known.c.user_id == OWNER, known.c.id == key)
        assert connection.execute(statement.values(values)).rowcount == 1
    return f"user_id {OWNER}, id {key}"


def test_every_difference_is_told_with_its_place_and_both_values(
    source_file: Path, target_url: str
) -> None:
    source_url = f"sqlite:///{source_file}"
    copy(source_url, target_url)
    later = FIRST + dt.timedelta(microseconds=1)
    planted: set[Told] = set()

    def plant(table: str, number: int, column: str, values: tuple[str, str], value: Any) -> None:
        key = change(target_url, table, number, **{column.partition("/")[0]: value})
        planted.add((table, key, column, *values))

    times = ('"0001-01-01T00:00:00+00:00"', '"0001-01-01T00:00:00.000001+00:00"')
    plant("history", 0, "created_at", times, later)
    plant("history", 3, "payload", ("0", "0.0"), 0.0)
    plant(
        "chat_messages",
        2,
        "content",
        ('"ends with a space "', '"ends with a space"'),
        "ends with a space",
    )
    plant("chat_messages", 3, "config", ("null", "NULL"), None)
    plant("credit_transactions", 0, "amount", (str(2**63 - 1), str(2**63 - 2)), 2**63 - 2)
    document = {"": {"a\\b/c~d\"'": "\t"}}
    path = "content//a\\b~1c~0d\"'"
    plant("approved_cards", 7, path, ('"\\t\\n"', '"\\t"'), document)
    found = compare(source_url, target_url)

    told = {(one.table, one.key, one.column, one.here, one.there) for one in found.differences}
    assert told == planted
    assert found.differing == len(planted)


def test_row_that_one_side_lacks_is_told(source_file: Path, target_url: str) -> None:
    source_url = f"sqlite:///{source_file}"
    copy(source_url, target_url)
    ids = [uuid.UUID(int=number) for number in (1000, 5000)]
    table = metadata.tables["credit_transactions"]
    with sa.create_engine(target_url, poolclass=sa.NullPool).begin() as connection:
        row = connection.execute(table.select().where(table.c.id == ids[0])).mappings().one()
        connection.execute(table.delete().where(table.c.id == ids[0]))
        connection.execute(table.insert().values({**row, "id": ids[1], "created_at": LAST}))

    found = compare(source_url, target_url)

    lacking = [(one.key.rpartition(" ")[2], one.here, one.there) for one in found.differences]
    assert lacking == [(str(ids[0]), "a row", None), (str(ids[1]), None, "a row")]
    assert found.tables["credit_transactions"].differing == 2


@pytest.mark.parametrize(
    ("left", "right", "told"),
    [
        ([1, 2], [1, 2, 3], ("/2", None, "3")),
        ({"a": None}, {}, ("/a", "null", None)),
        ({"a": 1}, {"a": True}, ("/a", "1", "true")),
        ({"a": {"b": [0, {"c": "x"}]}}, {"a": {"b": [0, {"c": "y"}]}}, ("/a/b/1/c", '"x"', '"y"')),
        ([1], {"0": 1}, ("", "[1]", '{"0":1}')),
        ("y" * 500 + "1", "y" * 500, ("", f'...{"y" * 20}1"', f'...{"y" * 20}"')),
    ],
)
def test_place_inside_of_a_document_is_told(left: Any, right: Any, told: Any) -> None:
    assert find_difference(left, right, is_document=True) == told


@pytest.mark.parametrize(
    ("left", "right"), [({"a": 1, "b": 2}, {"b": 2, "a": 1}), ([0.0], [-0.0]), ("-0.0", "-0.0")]
)
def test_what_is_equal_is_no_difference(left: Any, right: Any) -> None:
    assert find_difference(left, right, is_document=True) is None


def test_secrets_are_not_told(source_file: Path, sqlite_url: str) -> None:
    source_url = f"sqlite:///{source_file}"
    copy(source_url, sqlite_url)
    with sa.create_engine(sqlite_url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(metadata.tables["users"].update().values(password_hash="another"))

    (one, _) = compare(source_url, sqlite_url).differences

    assert (one.column, one.here, one.there) == ("password_hash", "a secret", "another one")
