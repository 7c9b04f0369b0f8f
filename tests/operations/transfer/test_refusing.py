"""What cannot be copied is refused in a sentence that says where it is."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from app.db.models import metadata
from app.operations import transfer
from bilayer.runtime import InvalidValue
from tests.operations.transfer.conftest import ask, compare, copy, run_sql
from tests.operations.transfer.extremes import FIRST

ROW: Final = uuid.UUID(int=1001)
FLAWS: Final = {
    "NUL": ("chat_messages", "content", "'a' || char(0) || 'b'", "the NUL character"),
    "surrogate": ("chat_messages", "content", "CAST(x'eda080' AS TEXT)", "a lone surrogate"),
    "no UTF-8": ("chat_messages", "content", "CAST(x'61ff' AS TEXT)", "a lone surrogate"),
    "NUL in JSON": ("chat_messages", "extra", r"""'{"a":"\u0000"}'""", "the NUL character"),
    "no JSON": ("chat_messages", "extra", "'{'", "no value of this column"),
    "NaN in JSON": ("chat_messages", "extra", "'[NaN]'", "JSON has no word for"),
    "too long": ("history", "action_type", "printf('%51d', 1)", "longer than 50 characters"),
    "too large": ("history", "version", "9.3e18", "an integer is needed, not float"),
    "no time": ("history", "created_at", "'yesterday'", "no value of this column"),
}


@pytest.fixture
def source_url(source_file: Path) -> str:
    """URL of a SQLite database, which takes anything anywhere."""
    return f"sqlite:///{source_file}"


@pytest.mark.parametrize("flaw", FLAWS)
def test_value_that_no_column_holds_is_named(flaw: str, source_url: str, sqlite_url: str) -> None:
    table, column, value, reason = FLAWS[flaw]
    whole = ask(source_url, f"SELECT quote({column}) FROM {table} WHERE id = '{ROW.hex}'")
    run_sql(source_url, f"UPDATE {table} SET {column} = {value} WHERE id = '{ROW.hex}'")

    with pytest.raises((transfer.TransferError, InvalidValue)) as refused:
        copy(source_url, sqlite_url)

    sentence = str(refused.value)
    assert sentence.startswith(f"{table}.{column}")
    assert ROW.hex in sentence.replace("-", "")
    assert reason in sentence
    run_sql(source_url, f"UPDATE {table} SET {column} = {whole} WHERE id = '{ROW.hex}'")
    copy(source_url, sqlite_url, is_resumed=True)
    assert compare(source_url, sqlite_url).differing == 0


def test_row_that_the_database_refuses_is_named(source_url: str, target_url: str) -> None:
    unchecked = "PRAGMA ignore_check_constraints = ON"
    spoil = f"UPDATE credit_transactions SET amount = 0 WHERE id = '{ROW.hex}'"
    run_sql(source_url, unchecked, spoil)

    with pytest.raises(transfer.TransferError) as refused:
        copy(source_url, target_url)

    assert str(refused.value).startswith("credit_transactions (user_id ")
    assert str(ROW) in str(refused.value)
    assert "not allowed" in str(refused.value)
    run_sql(source_url, f"UPDATE credit_transactions SET amount = 1 WHERE id = '{ROW.hex}'")
    copy(source_url, target_url, is_resumed=True)
    assert compare(source_url, target_url).differing == 0


def test_database_that_is_not_empty_is_left_alone(source_url: str, target_url: str) -> None:
    with sa.create_engine(target_url, poolclass=sa.NullPool).begin() as connection:
        values = {"object_id": "x", "kind": "y", "created_at": FIRST}
        connection.execute(metadata.tables["stripe_objects"].insert().values(values))

    with pytest.raises(transfer.EndRefused, match="rows in stripe_objects"):
        copy(source_url, target_url)

    assert ask(target_url, "SELECT count(*) FROM users") == 0


def test_two_copies_into_one_database_keep_out_of_each_others_way(
    source_url: str, target_url: str
) -> None:
    with (
        transfer.open_to(target_url),
        pytest.raises(transfer.EndRefused, match="TO: somebody else"),
    ):
        copy(source_url, target_url)

    assert ask(target_url, "SELECT count(*) FROM users") == 0


def test_database_is_not_copied_into_itself(database_url: str) -> None:
    with (
        transfer.open_to(database_url) as there,
        transfer.open_from(database_url) as here,
        pytest.raises(transfer.EndRefused, match="FROM and TO are the same database"),
    ):
        transfer.require_two(here, there)


def test_database_of_another_revision_is_refused(source_file: Path, source_url: str) -> None:
    other = source_file.with_name("other.db")
    other.write_bytes(source_file.read_bytes())
    run_sql(f"sqlite:///{other}", "UPDATE alembic_version SET version_num = 'b3f8a1d06c52'")

    with pytest.raises(transfer.EndRefused) as refused:
        copy(source_url, f"sqlite:///{other}")
    with pytest.raises(transfer.EndRefused, match="FROM is at b3f8a1d06c52"):
        copy(f"sqlite:///{other}", source_url)

    assert "TO is at b3f8a1d06c52, this code needs" in str(refused.value)
    assert "backend db upgrade" in str(refused.value)


def test_file_that_was_never_served_is_not_changed_to_be_read(source_file: Path) -> None:
    url = f"sqlite:///{source_file}"
    with sqlite3.connect(source_file) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    connection.close()
    before = source_file.read_bytes()

    with (
        pytest.raises(transfer.EndRefused, match="not in WAL mode"),
        transfer.open_from(url),
    ):
        pass

    assert source_file.read_bytes() == before
