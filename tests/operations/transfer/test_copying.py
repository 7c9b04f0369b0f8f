"""Every row of one database in another, as it is, whatever the two engines are."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from app.db.models import metadata
from app.operations import transfer
from tests.migrations.rows import read_columns
from tests.operations.transfer.conftest import Heard, ask, compare, copy, fill, run_sql
from tests.operations.transfer.extremes import add_history
from tests.support.databases import migrated_database
from tests.support.run import Run, sources

MEBIBYTE = 1 << 20
MANY_WORDS = """
    WITH RECURSIVE numbers(number) AS (
        SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 100000
    )
    INSERT INTO mastered_words
        (user_id, id, profile_id, word, language, added_at, updated_at, is_deleted, version)
    SELECT user_id, printf('%032x', number + 1000), profile_id, 'word ' || number, language,
        added_at, updated_at, number % 2, number
    FROM numbers, (SELECT * FROM mastered_words LIMIT 1)"""
MEASURED = """
import re, sys
from pathlib import Path
from app.cli.progress import Silence
from app.operations import transfer
def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
with transfer.open_from(sys.argv[1]) as here, transfer.open_to(sys.argv[2]) as there:
    before = peak()
    transfer.copy_tables(here, there, Silence())
    found = transfer.compare_tables(here, there, Silence())
print(found.differing, peak() - before)
"""
"""A copy and a comparison, and by how many KiB the memory of their process grew at most."""


def read_typed(url: str) -> dict[str, list[Any]]:
    """Read every row through SQLAlchemy, which knows nothing of how it was copied."""
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return {
            table.name: list(connection.execute(sa.select(table).order_by(*table.primary_key)))
            for table in metadata.sorted_tables
        }


def read_stored(url: str) -> Any:
    """Read every row as the driver gives it."""
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return read_columns(connection)


def test_every_row_arrives_as_it_is_between_any_two_engines(
    source_url: str, target_url: str
) -> None:
    before = read_stored(source_url)

    copied = copy(source_url, target_url)

    there = read_typed(target_url)
    assert there == read_typed(source_url)
    assert copied == {name: len(rows) for name, rows in there.items()}
    assert min(copied.values()) > 0
    assert compare(source_url, target_url).differing == 0
    assert read_stored(source_url) == before


def test_what_is_written_meanwhile_is_not_copied(database_url: str, sqlite_url: str) -> None:
    class Writing(Heard):
        def begin(self, rows: int) -> None:
            super().begin(rows)
            run_sql(database_url, "DELETE FROM history")
            run_sql(database_url, "UPDATE users SET full_name = 'later'")

    fill(database_url)
    heard = Writing()

    with transfer.open_from(database_url) as here, transfer.open_to(sqlite_url) as there:
        copied = transfer.copy_tables(here, there, heard)

    assert copied["history"] > 0
    assert "later" not in {row.full_name for row in read_typed(sqlite_url)["users"]}
    assert heard.done == heard.rows == sum(copied.values())


def test_reading_leaves_the_file_of_a_database_untouched(
    tmp_path: Path, source_file: Path, sqlite_url: str
) -> None:
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    copy(f"sqlite:///{source_file}", sqlite_url)
    compare(f"sqlite:///{source_file}", sqlite_url)

    assert before == {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_numbers_that_postgresql_makes_go_on_behind_the_rows(
    suite_run: Run, source_file: Path
) -> None:
    if "postgresql" not in sources():
        pytest.skip("only PostgreSQL counts apart from the rows")
    with migrated_database(suite_run, "postgresql") as target_url:
        run_sql(target_url, "CREATE SEQUENCE made OWNED BY audit_blocks.number")

        copy(f"sqlite:///{source_file}", target_url)

        assert ask(target_url, "SELECT nextval('made') - max(number) FROM audit_blocks") == 1


@pytest.mark.slow
def test_a_hundred_thousand_rows_arrive(source_file: Path, sqlite_url: str, suite_run: Run) -> None:
    source_url = f"sqlite:///{source_file}"
    run_sql(source_url, MANY_WORDS)

    with ExitStack() as stack:
        is_there = "postgresql" in sources()
        target_url = (
            stack.enter_context(migrated_database(suite_run, "postgresql"))
            if is_there
            else sqlite_url
        )
        copied = copy(source_url, target_url)

        assert copied["mastered_words"] == 100_002
        assert compare(source_url, target_url).differing == 0


@pytest.mark.slow
def test_memory_is_bounded_with_rows_of_eight_mebibytes(source_file: Path, sqlite_url: str) -> None:
    source_url = f"sqlite:///{source_file}"
    for number in range(20):
        add_history(source_url, number, {"image": "8 MiB of it" + "abcdefgh" * MEBIBYTE})

    command = [sys.executable, "-c", MEASURED, source_url, sqlite_url]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    differing, grown_by = map(int, done.stdout.split())
    assert differing == 0
    assert grown_by < 100 * 1024
