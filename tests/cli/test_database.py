"""``backend db`` on each engine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from app.cli import main
from app.config import get_settings
from app.health import known_revisions
from tests.bilayer.migrate.project import only


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, empty_database_url: str) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def backend(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


def run_sql(url: str, *statements: str) -> None:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_new_database_is_brought_to_the_head_and_back() -> None:
    never = json.loads(backend("db", "current", "--json").stdout)
    up = backend("db", "upgrade")
    there = json.loads(backend("db", "current", "--json").stdout)
    down = backend("db", "downgrade", "base")
    gone = json.loads(backend("db", "current", "--json").stdout)

    head = known_revisions()[0]
    assert (up.exit_code, down.exit_code) == (0, 0)
    assert never == {"current": [], "head": head, "is_current": False}
    assert there == {"current": [head], "head": head, "is_current": True}
    assert gone["current"] == []


def test_one_step_down_is_taken() -> None:
    backend("db", "upgrade")

    down = backend("db", "downgrade", "-1")

    assert down.exit_code == 0
    assert json.loads(backend("db", "current", "--json").stdout)["is_current"] is False


def test_current_speaks_to_people() -> None:
    assert "never migrated" in backend("db", "current").stdout


def test_check_tells_whether_models_and_database_agree() -> None:
    backend("db", "upgrade")
    equal = backend("db", "check")
    backend("db", "downgrade", "e24a90b7c518")
    backend("db", "stamp", "head")
    different = backend("db", "check", "--json")

    assert equal.exit_code == 0
    assert equal.stderr == ""
    assert different.exit_code == 1
    told = json.loads(different.stdout)
    assert told["is_equal"] is False
    assert "The database lacks the table history." in told["differences"]


def test_check_has_one_sentence_for_each_difference(empty_database_url: str) -> None:
    backend("db", "upgrade")
    run_sql(
        empty_database_url,
        "DROP TABLE logins",
        "CREATE TABLE leftover (id INTEGER)",
        "CREATE INDEX ix_left ON profiles (version)",
        "ALTER TABLE profiles ADD COLUMN extra INTEGER",
        "ALTER TABLE profiles DROP COLUMN phone",
    )

    told = backend("db", "check")

    assert told.exit_code == 1
    assert told.stderr == ""
    assert sorted(told.stdout.splitlines()) == [
        "The database has the column profiles.extra, which the models do not.",
        "The database has the index ix_left of profiles, which the models do not.",
        "The database has the table leftover, which the models do not.",
        "The database lacks the column profiles.phone.",
        "The database lacks the table logins.",
    ]


@only("postgresql", "mariadb")
def test_check_tells_what_is_modified(empty_database_url: str) -> None:
    backend("db", "upgrade")
    is_postgresql = empty_database_url.startswith("postgresql")
    new_type = "ALTER COLUMN phone TYPE VARCHAR(7)" if is_postgresql else "MODIFY phone VARCHAR(7)"
    run_sql(empty_database_url, f"ALTER TABLE profiles {new_type}")

    told = backend("db", "check")

    assert "in the type of column profiles.phone: VARCHAR" in told.stdout
    assert told.stdout.count("\n") == 1


@pytest.mark.parametrize("steps", [0, 1])
def test_check_of_a_database_that_is_behind_says_what_to_do(steps: int) -> None:
    if steps:
        backend("db", "upgrade")
        backend("db", "downgrade", f"-{steps}")
    at = json.loads(backend("db", "current", "--json").stdout)["current"]

    told = backend("db", "check")

    needed = known_revisions()[0]
    assert told.exit_code == 1
    assert told.stderr == ""
    assert told.stdout == (
        f"The database is at {(at or ['no revision'])[0]}, this code needs {needed}:"
        " run `backend db upgrade`.\n"
    )


def test_check_of_a_database_that_is_ahead_says_so(empty_database_url: str) -> None:
    backend("db", "upgrade")
    run_sql(empty_database_url, "UPDATE alembic_version SET version_num = 'abcabcabcabc'")

    told = backend("db", "check")

    assert told.exit_code == 1
    assert told.stdout.startswith("The database is at abcabcabcabc, which this code does not have")
    assert known_revisions()[0] in told.stdout


def test_stamp_only_says_where_the_database_is() -> None:
    stamped = backend("db", "stamp", "head")

    assert stamped.exit_code == 0
    assert json.loads(backend("db", "current", "--json").stdout)["is_current"]
    assert backend("db", "check").exit_code == 1


BROKEN = {
    "op.execute('SELECT 1 FROM nowhere')": "nowhere",
    "op.no_such_operation()": "AttributeError",
    "op.execute(": "SyntaxError",
}


@pytest.mark.parametrize("body", BROKEN)
def test_broken_revision_is_a_sentence_with_file_and_line(
    checkout: Path, empty_database_url: str, body: str
) -> None:
    head = known_revisions()[0]
    broken = checkout / "alembic/versions/20990101_0000_broken_ffffffffffff.py"
    broken.write_text(
        f"from alembic import op\nrevision, down_revision = 'ffffffffffff', '{head}'\n"
        f"def upgrade():\n    {body}\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", "db", "upgrade"],
        cwd=checkout / "services/flask-backend",
        env={**os.environ, "DATABASE_URL": empty_database_url, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert f"{broken.name}, line 4: " in last
    assert BROKEN[body] in last
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["upgrade", "downgrade", "stamp"])
def test_unknown_revision_is_a_sentence_and_exit_code_1(command: str) -> None:
    result = backend("db", command, "nothing")

    assert result.exit_code == 1
    assert "nothing" in result.stderr
    assert "Traceback" not in result.output


def test_unknown_command_is_exit_code_2() -> None:
    assert backend("db", "destroy").exit_code == 2


def test_wrong_setting_is_exit_code_2_and_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_POOL_SIZE", "many")
    get_settings.cache_clear()

    result = backend("db", "current")

    assert result.exit_code == 2
    assert result.stderr.startswith("DB_POOL_SIZE: ")
