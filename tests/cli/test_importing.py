"""``backend import json`` on each engine: what it says, and with which code it ends."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.cli.importing import import_json
from app.config import get_settings
from app.models import get_db
from tests.factories import make_user
from tests.support.databases import ROOT
from tests.support.learner_files import write_folder
from tests.support.rows import snapshot
from tests.support.service import connected, settings_for

EMAIL = "ada@example.com"
LEARNER = "learner_1"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def url(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The configured database, with an account."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    with connected(settings_for(database_url, tmp_path)):
        make_user(email=EMAIL)
    return database_url


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "files")


def run(command: str, *words: str, owner: str = EMAIL) -> Result:
    given = ["import", "json", command, "--owner", owner, *words]
    return CliRunner().invoke(main, given, catch_exceptions=False)


def facts(command: str, *words: str, code: int = 0) -> dict[str, Any]:
    result = run(command, *words, "--json")
    assert (result.exit_code, result.stderr) == (code, "")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def rows_of(url: str, folder: Path) -> dict[str, list[Any]]:
    with connected(settings_for(url, folder)):
        return snapshot()


def test_from_files_to_rows_and_back(url: str, files: Path, tmp_path: Path) -> None:
    source = ("--source", str(files), "--profile", LEARNER)
    empty = rows_of(url, tmp_path)

    planned = facts("plan", *source)
    after_plan = rows_of(url, tmp_path)
    done = facts("run", *source)
    again = facts("run", *source)
    verified = facts("verify", "--export", str(tmp_path / "again"))
    status = facts("status", "--source", str(files))
    undone = facts("rollback", "--run", done["id"])

    assert after_plan == empty
    assert planned["rows"] == done["rows"]
    assert {one["rule"] for one in planned["problems"]} == set(planned["notices"])
    assert planned["problems_found"] >= len(planned["problems"]) > 0
    assert (done["outcome"], done["state"], done["refused"]) == ("imported", "finished", {})
    assert done["files"]["approved_cards.json"]["added"] == 8
    assert again == done | {"outcome": "unchanged"}
    assert (verified["differences"], verified["equal"]) == ([], verified["records"])
    for path in files.iterdir():
        assert json.loads((tmp_path / "again" / path.name).read_text()) == json.loads(
            path.read_text()
        )
    assert [one["id"] for one in status["runs"]] == [done["id"]]
    assert (undone["state"], undone["obstacles"]) == ("rolled_back", [])
    assert undone["removed"] == done["rows"]
    left = rows_of(url, tmp_path)
    assert {name for name in left if left[name] != empty[name]} == {
        *("audit_log", "import_items", "import_runs", "sync_heads"),
        *({"installation"} if not empty["installation"] else ()),
    }


def test_people_are_told_in_sentences(url: str, files: Path) -> None:
    source = ("--source", str(files), "--profile", LEARNER)

    told = [run(*words) for words in (("plan", *source), ("run", *source), ("verify",))]
    told += [run("status"), run("retry"), run("rollback"), run("rollback")]

    assert [result.exit_code for result in told] == [0] * len(told)
    plan, done, verified, status, retried, undone, nothing = (one.stdout for one in told)
    assert plan.endswith("Nothing was written.\n")
    assert "approved_cards.json: 8 records: 8 added\n" in done
    assert "22 records: 22 make the record of their file again" in verified
    assert "finished" in status
    assert "0 records were tried again" in retried
    assert undone.startswith("Removed: approved_cards 8, ")
    assert nothing.startswith("Removed: nothing.")


def test_what_cannot_go_in_is_told_and_ends_with_1(url: str, files: Path) -> None:
    path = files / "approved_cards.json"
    cards = json.loads(path.read_text())
    cards[3]["status"] = "\x1b[31mwild"
    path.write_text(json.dumps(cards))
    source = ("--source", str(files), "--profile", LEARNER)

    planned = facts("plan", *source, code=1)
    done = facts("run", *source, code=1)
    told = run("status")

    assert planned["refused"] == done["refused"] == {"NOT_ALLOWED": 1}
    [kept] = done["quarantine"]
    assert (kept["file"], kept["pointer"]) == ("approved_cards.json", "/3/status")
    assert json.loads(kept["value"]) == cards[3]
    assert told.exit_code == 1
    assert "\x1b" not in told.stdout
    assert facts("verify", code=1)["quarantined"] == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run",), "Name the folder of the files with --source."),
        (("run", "--source", "/nowhere"), "The folder cannot be read: No such file or directory"),
        (("resume",), "This account has no import."),
        (("verify", "--run", "0" * 32), "This account has no import 00000000-0000-"),
        (("status", "--run", "0" * 32), "This account has no import 00000000-0000-"),
        (("status", "--database", "sqlite:////nowhere/app.db"), "There is no database /nowhere"),
        (("status", "--database", "oracle://x"), "--database: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_wrong_use_is_one_line_and_ends_with_2(
    url: str, words: tuple[str, ...], message: str
) -> None:
    result = run(*words)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.removeprefix("Reading the files.\n").startswith(message)


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_nobody_is_no_owner(url: str, files: Path) -> None:
    result = run("run", "--source", str(files), owner="nobody@example.com")

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "There is no account nobody@example.com.\n"


def test_a_database_of_another_revision_is_left_alone(
    migrated_database_url: str, files: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////nowhere/app.db")
    with connected(settings_for(migrated_database_url, tmp_path)):
        make_user(email=EMAIL)
        get_db().executesql("UPDATE alembic_version SET version_num = 'abc'")

    result = run("run", "--source", str(files), "--database", migrated_database_url)

    assert (result.exit_code, result.stdout) == (2, "")
    assert " is at abc; this code needs " in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
@pytest.mark.parametrize("mode", ["json", "dual"])
def test_it_says_when_the_service_reads_elsewhere(
    url: str, files: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_MODE", mode)
    get_settings.cache_clear()

    result = run("run", "--source", str(files), "--profile", LEARNER)

    assert result.exit_code == 0
    assert f"STORAGE_MODE is {mode}: " in result.stdout


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_rollback_says_how_the_files_of_the_service_follow(
    url: str, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORAGE_MODE", "dual")
    get_settings.cache_clear()
    run("run", "--source", str(files), "--profile", LEARNER)
    drift = ["import", "drift"]
    CliRunner().invoke(main, ["import", "to-json"])

    said = run("rollback").stdout
    command = said.rpartition("`backend ")[2].partition("`")[0]
    before, _, after = [
        CliRunner().invoke(main, words) for words in (drift, command.split(), drift)
    ]

    assert (before.exit_code, after.exit_code) == (1, 0)


@pytest.mark.parametrize("command", import_json.commands)
def test_every_command_has_an_example_and_its_exit_codes(command: str) -> None:
    result = CliRunner().invoke(main, ["import", "json", command, "--help"])

    assert result.exit_code == 0
    assert f"backend import json {command}" in result.stdout.partition("Example:")[2]
    assert "Exit codes: 0 done" in result.stdout


def test_the_script_is_the_same_command() -> None:
    script = ROOT / "scripts/migrate_json_to_db.py"

    told = subprocess.run(
        [sys.executable, script, "plan", "--help"], capture_output=True, text=True, check=True
    )

    assert "Usage: backend import json plan" in told.stdout


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_plan_tells_what_a_run_would_do_of_ids_that_come_twice(url: str, files: Path) -> None:
    path = files / "chat_history.json"
    messages = json.loads(path.read_text())
    path.write_text(json.dumps([*messages, messages[0], messages[1] | {"content": "other"}]))
    source = ("--source", str(files), "--profile", LEARNER)

    planned = facts("plan", *source, code=1)
    done = facts("run", *source, code=1)

    assert planned["files"] == done["files"]
    assert planned["refused"] == done["refused"] == {"DIFFERENT_ALREADY_THERE": 1}
    assert done["files"][path.name]["present"] == 1


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_plan_without_a_learner_says_so_and_all_the_rest(url: str, files: Path) -> None:
    planned = facts("plan", "--source", str(files), code=1)

    assert planned["obstacle"].endswith("name a learner with --profile.")
    assert planned["refused"] == {}
    assert planned["files"]["approved_cards.json"]["added"] == 8
