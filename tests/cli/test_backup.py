"""``backend backup`` on each engine: what an operator types, and what a cron reads."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyrage
import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.config import get_settings
from app.models import get_user
from tests.factories import make_user
from tests.support.service import connected, settings_for


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(*words: str) -> Result:
    get_settings.cache_clear()
    return CliRunner().invoke(main, ["backup", *words], catch_exceptions=False)


def facts(*words: str) -> dict[str, Any]:
    result = run(*words, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_backup_is_made_listed_verified_and_restored(
    database_url: str, empty_database_url: str, tmp_path: Path
) -> None:
    with connected(settings_for(database_url, tmp_path)):
        user = make_user()
    handler = signal.getsignal(signal.SIGTERM)

    made = facts("create", "--verify", "--scratch-url", in_file(tmp_path, database_url))
    name = made["name"]
    again = run("verify")
    refused = run("restore", name)
    elsewhere = in_file(tmp_path, empty_database_url)
    done = facts("restore", name, "--to", elsewhere)

    assert (made["is_verified"], made["is_encrypted"]) == (True, False)
    assert again.stdout.startswith(f"{name} restores: ")
    assert again.stdout.endswith(f" tables, {made['rows']} rows.\n")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.splitlines()[-1].endswith("which makes a backup of it first.")
    assert (done["replaced"], done["erased_again"], done["refused"]) == (None, 0, [])
    [listed] = facts("list")["backups"]
    assert {key: listed[key] for key in ("name", "sha256")} == {
        key: made[key] for key in ("name", "sha256")
    }
    assert listed["verified_at"] is not None
    with connected(settings_for(empty_database_url, tmp_path)):
        assert get_user(user["id"]) == user | {"last_login_at": None}
    assert signal.getsignal(signal.SIGTERM) == handler


def in_file(folder: Path, url: str) -> str:
    """Give a URL as nobody can see it in the list of processes."""
    path = folder / "url"
    path.write_text(f"{url}\n")
    return f"@{path}"


ONE_ENGINE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


@ONE_ENGINE
def test_keys_of_the_settings_close_and_open_backups(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = pyrage.x25519.Identity.generate()
    monkeypatch.setenv("BACKUP_RECIPIENTS", str(identity.to_public()))
    made = facts("create")
    closed = run("verify")
    monkeypatch.setenv("BACKUP_IDENTITY", f"# created: today\n{identity}\n")

    opened = run("verify", made["name"])

    assert made["is_encrypted"] is True
    assert (closed.exit_code, opened.exit_code) == (1, 0)
    assert "set BACKUP_IDENTITY" in closed.stderr


@ONE_ENGINE
def test_list_names_what_is_broken_and_needs_no_database(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nothing = run("list")
    first, second = facts("create")["name"], facts("create")["name"]
    (tmp_path / "backups" / first / "manifest.json").write_text("{}")
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    listed = run("list")

    assert nothing.stdout == "There is no backup.\n"
    assert listed.exit_code == 0
    assert f"{first}  broken: {first}/manifest.json is not what was written." in listed.stdout
    assert f"{second}  sqlite" in listed.stdout
    assert listed.stderr == "The database does not say which of them were verified.\n"


@ONE_ENGINE
def test_prune_tells_what_it_would_do_and_keeps_the_last_verified(tmp_path: Path) -> None:
    verified = facts("create", "--verify")["name"]
    names = [facts("create")["name"] for _ in range(2)]

    would = facts("prune", "--dry-run")
    done = facts("prune")

    assert would | {"is_dry_run": False} == done
    assert verified in done["kept"]
    assert set(done["kept"]) | set(done["removed"]) == {verified, *names}
    assert len(done["removed"]) == 1
    assert {one["name"] for one in facts("list")["backups"]} == set(done["kept"])


@ONE_ENGINE
@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["verify"], 1, "There is no backup in"),
        (["restore"], 2, "Missing argument 'NAME'"),
        (["restore", "../x"], 1, "There is no backup"),
        (["verify", "--scratch-url", "no url"], 2, "not a database URL"),
        (["verify", "--scratch-url", "@/nowhere"], 2, "No such file"),
    ],
)
def test_wrong_use_is_one_line(words: list[str], code: int, sentence: str) -> None:
    result = run(*words)

    assert result.exit_code == code
    assert sentence in result.stderr.splitlines()[-1]


@ONE_ENGINE
def test_database_of_another_revision_is_not_backed_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'new.db'}")
    (tmp_path / "new.db").touch()

    result = run("create")

    assert result.exit_code == 1
    assert "The database is without a revision" in result.stderr
    assert "backend db upgrade" in result.stderr
