"""``backend privacy`` on each engine."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.config import get_settings
from app.models import get_user
from tests.factories import make_admin, make_history, make_user
from tests.support.service import connected, settings_for

EMAIL = "ada@example.com"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def privacy(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["privacy", *arguments], input=typed, catch_exceptions=False)


def make_ada(database_url: str, folder: Path) -> str:
    with connected(settings_for(database_url, folder)):
        user = make_user(email=EMAIL)
        make_history(user["id"])
        return str(user["id"])


def test_export_goes_into_a_file_of_ones_own_or_to_the_terminal(
    database_url: str, tmp_path: Path
) -> None:
    user_id = make_ada(database_url, tmp_path)
    path = tmp_path / "ada.json"

    written = privacy("export", EMAIL, "--output", str(path))
    printed = privacy("export", user_id)
    again = privacy("export", EMAIL, "--output", str(path))
    nobody = privacy("export", "nobody@example.com", "--output", str(tmp_path / "nobody.json"))

    whole = json.loads(path.read_text())
    assert (written.exit_code, written.stdout) == (0, "")
    assert (whole["account"]["email"], whole["is_complete"]) == (EMAIL, True)
    assert json.loads(printed.stdout)["history"] == whole["history"] != []
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert again.exit_code == nobody.exit_code == 1
    assert "exists" in again.stderr
    assert not (tmp_path / "nobody.json").exists()


def test_erasing_asks_first_and_tells_who_was_erased(database_url: str, tmp_path: Path) -> None:
    user_id = make_ada(database_url, tmp_path)

    refused = privacy("erase", EMAIL, typed="n\n")
    erased = privacy("erase", EMAIL, typed="y\n")
    again = privacy("erase", user_id, "--yes", "--json")
    listed = privacy("erasures", "--json")

    assert (refused.exit_code, erased.exit_code, again.exit_code) == (1, 0, 0)
    assert "brings them back" in refused.stderr
    assert json.loads(listed.stdout)["erasures"] == [json.loads(again.stdout)]
    assert privacy("erase", EMAIL, "--yes").exit_code == 1
    assert privacy("erase", EMAIL, "--again").exit_code == privacy("erase").exit_code == 2


def test_after_a_restore_everybody_of_the_list_is_erased_again(
    database_url: str, tmp_path: Path
) -> None:
    user_id = make_ada(database_url, tmp_path)
    listing = tmp_path / "erasures.json"
    listing.write_text(json.dumps({"erasures": [{"user_id": user_id}, {"user_id": str(uuid4())}]}))

    result = privacy("erase", "--again", "--ids", str(listing), "--json")

    assert json.loads(result.stdout) == {"erased": 1, "unknown": 1, "refused": []}
    assert user_id in privacy("erasures").stdout
    with connected(settings_for(database_url, tmp_path)):
        admin = make_admin()
    listing.write_text(str(admin["id"]))
    last = privacy("erase", "--again", "--ids", str(listing))
    assert (last.exit_code, str(admin["id"]) in last.stderr) == (1, True)
    with connected(settings_for(database_url, tmp_path)):
        assert get_user(admin["id"]) is not None
