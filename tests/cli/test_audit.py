"""``backend audit`` on each engine: what an operator sees, and what a broken log tells."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from app import clock
from app.actor import acting_as, actor_of
from app.cli import main
from app.config import get_settings
from app.models import create_profile, update_profile
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
    """Somebody who changed their profile an hour ago."""
    hour_ago = clock.now() - timedelta(hours=1)
    with connected(settings_for(database_url, tmp_path)), clock.frozen(hour_ago):
        user_id: UUID = make_user(email=EMAIL)["id"]
        with acting_as(actor_of(user_id, is_guest=False)):
            create_profile(user_id)
            update_profile(user_id, display_name="Ada")
    return user_id


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["audit", *words], catch_exceptions=False)


def facts(*words: str, code: int = 0) -> dict[str, Any]:
    result = run(*words, "--json")
    assert result.exit_code == code, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_changes_are_listed_for_people_and_programs(user: UUID) -> None:
    lines = run("list", "--person", EMAIL).stdout.splitlines()
    [change] = facts("list", "--owner", EMAIL, "--action", "update")["changes"]
    by_nobody = facts("list", "--person", "system", "--table", "users")["changes"]

    assert len(lines) == 2
    assert f"user:{user}  update profiles '{user}' of {user}" in lines[0]
    assert change["new_value"] == {"display_name": "Ada"}
    assert "salt" not in change
    assert [one["action"] for one in by_nobody] == ["insert"]
    assert run("list", "--until", "2020-01-01").stdout == "Nothing was changed.\n"
    assert run("list", "--record", "x").exit_code == 2


def test_log_is_sealed_and_proven(user: UUID) -> None:
    sealed = facts("seal")
    head = run("head").stdout.strip()
    proof = facts("verify", "--head", head)

    assert (sealed["rows"], sealed["blocks"], sealed["head"]) == (3, 1, head)
    assert facts("seal")["rows"] == 0
    assert (proof["is_whole"], proof["sealed"], proof["unsealed"]) == (True, 3, 0)
    assert "Nobody has changed the log: 3 rows in 1 blocks" in run("verify").stdout
    assert run("verify", "--head", "1").exit_code == 2
    assert facts("verify", "--head", f"2:{'a' * 64}", code=1)["flaw"]["code"] == "block_missing"


def test_row_that_somebody_changed_is_named_with_exit_code_1(user: UUID, database_url: str) -> None:
    run("seal")
    engine = sa.create_engine(database_url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE audit_log SET changed_by='eve' WHERE action='update'")

    result, told = run("verify"), facts("verify", code=1)

    assert result.exit_code == 1
    assert told["flaw"]["user_id"] == str(user)
    assert told["flaw"]["code"] == "row_changed"
    assert f"Row {told['flaw']['id']} of {user} (block 1) was changed" in result.stdout
