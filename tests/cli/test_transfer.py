"""``backend db copy`` and ``backend db diff``, as an operator types them."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from app.cli import main
from app.cli.progress import Lines, Silence
from app.models import open_verbatim
from tests.migrations.rows import refill
from tests.support.databases import migrated_database
from tests.support.run import Run

SECRET = "Pw-nobody-may-see"


@pytest.fixture
def urls(suite_run: Run, tmp_path: Path) -> tuple[str, str]:
    """URLs of a database with two rows in most tables, and of an empty one."""
    source, target = tmp_path / "from.db", tmp_path / "to.db"
    with migrated_database(suite_run, "sqlite") as url:
        for file in (source, target):
            shutil.copyfile(str(sa.make_url(url).database), file)
    with open_verbatim(f"sqlite:///{source}") as database:
        database.dal.executesql("SELECT 1")
    with sa.create_engine(f"sqlite:///{source}", poolclass=sa.NullPool).begin() as connection:
        refill(connection)
    return f"sqlite:///{source}", f"sqlite:///{target}"


def backend(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["db", *arguments], catch_exceptions=False)


def test_copy_and_its_comparison_answer_people_and_programs(urls: tuple[str, str]) -> None:
    told = backend("copy", *urls)
    again = backend("copy", *urls, "--resume", "--json")
    same = backend("diff", *urls)
    facts = json.loads(backend("diff", *urls, "--json").stdout)

    assert (told.exit_code, again.exit_code, same.exit_code) == (0, 0, 0)
    assert told.stdout.startswith("TO has all 74 rows of FROM; it took ")
    assert json.loads(again.stdout)["rows"] == 74
    assert again.stderr == ""
    assert same.stdout == "0 differences in 74 rows of 38 tables.\n"
    assert facts["is_equal"] is True
    assert facts["tables"]["users"] == {"here": 2, "there": 2, "differing": 0}


def test_differences_are_exit_code_1_and_listed(urls: tuple[str, str]) -> None:
    backend("copy", *urls)
    with sa.create_engine(urls[1], poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("UPDATE users SET full_name = 'Ada'")
        connection.exec_driver_sql("DELETE FROM leases WHERE name LIKE '1%'")

    found = backend("diff", *urls, "--show", "2")
    facts = json.loads(backend("diff", *urls, "--json").stdout)
    counted = backend("diff", *urls, "--show", "0")
    misread = backend("diff", *urls, "--show", "-1")

    lines = found.stdout.splitlines()
    assert found.exit_code == 1
    assert lines[0].startswith("users (id 00000000-0000-0000-0000-000000000001) full_name: ")
    assert lines[0].endswith(' in FROM, "Ada" in TO')
    assert lines[2:] == ["...", "3 rows differ, of 74 in 38 tables."]
    assert counted.stdout.splitlines() == lines[2:]
    assert (misread.exit_code, misread.stdout) == (2, "")
    assert (facts["is_equal"], facts["differing"], len(facts["differences"])) == (False, 3, 3)
    assert facts["differences"][2]["table"] == "leases"
    assert facts["differences"][2]["there"] is None


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("sqlite:////nowhere/app.db", "FROM: there is no file /nowhere/app.db"),
        ("sqlite://", "FROM: a SQLite database needs a file"),
        (f"oracle://me:{SECRET}@db/app", "FROM: 'oracle' is not supported"),
        (f"{SECRET}", "FROM: not a database URL"),
        (f"postgresql://me:{SECRET}@127.0.0.1:1/app", "FROM: could not connect"),
        (f"mysql://me:{SECRET}@127.0.0.1:1/app", "FROM: could not connect"),
    ],
)
def test_database_that_cannot_be_used_is_one_line_without_its_password(
    urls: tuple[str, str], source: str, sentence: str
) -> None:
    for command in ("copy", "diff"):
        found = backend(command, source, urls[1])

        assert found.exit_code == 2
        assert found.stderr.startswith(sentence)
        assert found.stderr.count("\n") == 1
        assert SECRET not in found.stderr + found.stdout


@pytest.mark.parametrize(
    "url", [f"{name}://me:{SECRET}@127.0.0.1:1/app" for name in ("postgresql", "mysql")]
)
def test_target_that_does_not_answer_is_one_line(urls: tuple[str, str], url: str) -> None:
    found = backend("copy", urls[0], url)

    assert found.exit_code == 2
    assert found.stderr == "TO: could not connect to the database.\n"


def test_copy_that_cannot_begin_is_exit_code_2(urls: tuple[str, str]) -> None:
    backend("copy", *urls)

    again = backend("copy", *urls)
    same = backend("copy", urls[0], urls[0])

    assert (again.exit_code, same.exit_code) == (2, 2)
    assert again.stderr.startswith("TO is not empty: there are rows in ")
    assert same.stderr == "FROM and TO are the same database.\n"


def test_value_that_cannot_be_copied_is_exit_code_1(urls: tuple[str, str]) -> None:
    with sa.create_engine(urls[0], poolclass=sa.NullPool).begin() as connection:
        connection.exec_driver_sql("UPDATE users SET full_name = 'a' || char(0)")

    found = backend("copy", *urls)

    assert found.exit_code == 1
    assert found.stderr.startswith("users.full_name (id 00000000-0000-0000-0000-000000000001): ")


def test_copy_that_is_interrupted_says_how_to_go_on(
    urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Impatient(Silence):
        def advance(self, table: str, rows: int) -> None:
            if table == "users" and rows:
                signal.raise_signal(signal.SIGINT)

    @contextmanager
    def watching(_verb: str, *, is_silent: bool) -> Iterator[Silence]:
        assert not is_silent
        yield Impatient()

    monkeypatch.setattr("app.cli.transfer.progress", watching)
    # A run that a shell has put into the background ignores it.
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        stopped = backend("copy", *urls)
    finally:
        signal.signal(signal.SIGINT, usual)
    monkeypatch.undo()

    assert stopped.exit_code == 1
    assert stopped.stderr == "Stopped. What was copied stays; --resume goes on with it.\n"
    assert backend("copy", *urls, "--resume").exit_code == 0


def test_progress_is_told_in_lines_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.progress.SECONDS_BETWEEN_LINES", 0.0)
    lines = Lines("copied")
    lines.begin(2000)

    lines.advance("history", 500)
    lines.advance("history", 1000)

    assert capsys.readouterr().err.splitlines() == [
        "copied 500 of 2,000 rows (history)",
        "copied 1,500 of 2,000 rows (history)",
    ]
