"""``backend db`` on each engine."""

import json
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.config import get_settings
from app.health import known_revisions


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, empty_database_url: str) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def backend(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, catch_exceptions=False)


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
    backend("db", "downgrade", "-1")
    backend("db", "stamp", "head")
    different = backend("db", "check", "--json")

    assert equal.exit_code == 0
    assert different.exit_code == 1
    assert json.loads(different.stdout)["is_equal"] is False


def test_stamp_only_says_where_the_database_is() -> None:
    stamped = backend("db", "stamp", "head")

    assert stamped.exit_code == 0
    assert json.loads(backend("db", "current", "--json").stdout)["is_current"]
    assert backend("db", "check").exit_code == 1


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
