"""``backend sync`` on each engine: what an operator does about copies on devices."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner, Result

from app import clock
from app.cli import main
from app.config import get_settings
from app.models import (
    create_history,
    create_profile,
    delete_history,
    get_db,
    get_epoch,
    get_head,
    get_profile,
)
from app.usecases.sync import numbering
from app.usecases.sync.clients import note_client, revoke_client
from app.usecases.sync.collection import KEPT
from tests.factories import make_user
from tests.support.service import connected, settings_for

EMAIL = "ada@example.com"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


@pytest.fixture
def user(database_url: str, tmp_path: Path) -> UUID:
    """Somebody who deleted an action long ago, with two devices."""
    now = clock.now()
    with connected(settings_for(database_url, tmp_path)):
        user_id: UUID = make_user(email=EMAIL)["id"]
        with clock.frozen(now - KEPT - timedelta(days=1)):
            action = create_history(user_id, history_id=uuid4(), action_type="A", payload={})
            delete_history(user_id, action["id"])
        create_profile(user_id)
        note_client(user_id, "phone", name="Ada's\x1b", acked=2, epoch=get_epoch(), at=now)
        note_client(user_id, "old", acked=0, epoch=get_epoch(), at=now - timedelta(days=1))
        revoke_client(user_id, "old", at=now)
        return user_id


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["sync", *words], catch_exceptions=False)


def facts(*words: str) -> dict[str, Any]:
    result = run(*words, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_devices_of_an_account_are_shown(user: UUID) -> None:
    result = run("clients", EMAIL)
    lines = result.stdout.splitlines()
    told = facts("clients", str(user))

    assert result.exit_code == 0
    assert lines[0] == f"{user}: version 3, collected up to 0"
    assert lines[1].startswith('phone "Ada\'s\\x1b": has 2, seen 20')
    assert lines[1].endswith(", may come")
    assert ", revoked 20" in lines[2]
    assert (told["user_id"], told["version"], told["floor"]) == (str(user), 3, 0)
    assert [one["client_id"] for one in told["clients"]] == ["phone", "old"]


def test_devices_of_nobody_are_exit_code_1(user: UUID) -> None:
    result = run("clients", "nobody@example.com")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "There is no account nobody@example.com.\n"


def test_words_that_are_wrong_are_exit_code_2(user: UUID) -> None:
    assert run("clients").exit_code == 2
    assert run("gc", "--everything").exit_code == 2


def test_gc_tells_what_it_removed(user: UUID) -> None:
    assert facts("gc") == {"tombstones": 1, "mutations": 0, "clients": 0}
    result = run("gc")

    assert result.exit_code == 0
    assert result.stdout == "Removed 0 deleted rows, 0 results of changes and 0 devices.\n"
    assert facts("clients", EMAIL)["floor"] == 2


def test_new_epoch_is_told_to_every_account(user: UUID, database_url: str, tmp_path: Path) -> None:
    before = facts("clients", EMAIL)["epoch"]
    told = facts("new-epoch")
    result = run("new-epoch")
    after = facts("clients", EMAIL)

    assert told["accounts"] == 1
    assert len({before, told["epoch"], after["epoch"]}) == 3
    assert f"The epoch is {after['epoch']} now. The devices of 1 accounts fetch" in result.stdout
    assert (after["version"], after["floor"]) == (3, 0)
    assert "of an epoch before" in run("clients", EMAIL).stdout


def test_number_gives_versions_to_what_an_older_release_wrote(
    user: UUID, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbering, "_ROWS", 2)
    monkeypatch.setattr(numbering, "_ACCOUNTS", 2)
    with connected(settings_for(database_url, tmp_path)):
        others = [make_user()["id"] for _ in range(3)]
        for owner in (user, *others):
            for _ in range(3):
                create_history(owner, history_id=uuid4(), action_type="A", payload={})
        _write_as_an_older_release()
        before = {owner: version_of(owner) for owner in (user, *others)}

    assert facts("number") == {"numbered": 14}
    assert run("number").stdout == "Gave 0 rows a version.\n"

    with connected(settings_for(database_url, tmp_path)):
        profile = get_profile(user)
        assert profile is not None
        assert profile["version"] == version_of(user) == before[user] + 3
        assert versions_of(user) == [before[user] + step for step in (1, 1, 2, 2)]
        for owner in others:
            assert versions_of(owner) == [before[owner] + step for step in (1, 1, 2)]
            assert version_of(owner) == before[owner] + 2


def version_of(owner: UUID) -> int:
    head = get_head(owner)
    assert head is not None
    version: int = head["version"]
    return version


def versions_of(owner: UUID) -> list[int]:
    history = get_db().history
    rows = get_db()(history.user_id == owner).dicts(history.version, orderby=history.version)
    return [row["version"] for row in rows]


def _write_as_an_older_release() -> None:
    db = get_db()
    with db.transaction():
        for table in ("history", "profiles"):
            db.executesql(f"UPDATE {table} SET version = 0")
