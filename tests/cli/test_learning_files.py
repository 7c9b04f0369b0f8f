"""``backend import drift|to-json|to-database`` on each engine."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.config import get_settings
from app.models import get_db, list_learning_rows, remove_learning_rows, update_learning_rows
from app.operations.storage import use_storage
from app.usecases.learning.store import LEARNERS
from app.usecases.work import unit_of_work
from tests.factories import make_learner, make_user
from tests.support.service import connected, settings_for

EMAIL = "ada@example.com"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, database_url: str, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()
    use_storage(settings_for(database_url, tmp_path))


@pytest.fixture
def ada(database_url: str, tmp_path: Path) -> UUID:
    """An account with a learner, in the database."""
    with connected(settings_for(database_url, tmp_path)):
        user_id: UUID = make_user(email=EMAIL)["id"]
        make_learner(user_id, "anna")
        return user_id


def backend(mode: str, *arguments: str) -> Result:
    get_settings.cache_clear()
    environment = {"STORAGE_MODE": mode}
    return CliRunner().invoke(main, ["import", *arguments], env=environment, catch_exceptions=False)


def set_school(database_url: str, folder: Path, user_id: UUID, school: str) -> None:
    with connected(settings_for(database_url, folder)):
        change = unit_of_work(update_learning_rows)
        change(LEARNERS.table, user_id, ["anna"], school=school)


def school_of(database_url: str, folder: Path, user_id: UUID) -> str:
    with connected(settings_for(database_url, folder)):
        (row,) = list_learning_rows(LEARNERS.table, user_id, time=LEARNERS.time, where={}, limit=9)
        return str(row["school"])


def test_there_and_back_again_without_a_difference(
    ada: UUID, database_url: str, tmp_path: Path
) -> None:
    before = backend("database", "drift", "--json")
    written = backend("database", "to-json", "--json")
    alike = backend("dual", "drift", "--owner", EMAIL)
    set_school(database_url, tmp_path, ada, "changed")
    differing = backend("dual", "drift", "--owner", str(ada))
    restored = backend("json", "to-database", "--json")

    assert before.exit_code == 1
    kinds = {(one["table"], one["problem"]) for one in json.loads(before.stdout)["differences"]}
    assert ("learner_profiles", "only in the database") in kinds
    assert len(kinds) == 5
    assert (written.exit_code, json.loads(written.stdout)["accounts"]) == (0, 1)
    assert (alike.exit_code, alike.stdout) == (0, "0 differences in 1 accounts (dual).\n")
    assert differing.exit_code == 1
    assert f"{ada} learner_profiles anna: school unlike\n" in differing.stdout
    assert "changed" not in differing.stdout
    assert (restored.exit_code, json.loads(restored.stdout)["rows"]) == (0, 1)
    assert school_of(database_url, tmp_path, ada) == "None"
    assert backend("database", "drift").exit_code == 0


def test_side_that_counts_is_not_overwritten_by_mistake(
    ada: UUID, database_url: str, tmp_path: Path
) -> None:
    assert backend("dual", "to-json").exit_code == 0
    set_school(database_url, tmp_path, ada, "changed")

    from_stale_database = backend("json", "to-json")
    from_stale_files = backend("database", "to-database")

    assert from_stale_database.exit_code == from_stale_files.exit_code == 2
    assert "the files are what counts" in from_stale_database.stderr
    assert "the database is what counts" in from_stale_files.stderr
    assert school_of(database_url, tmp_path, ada) == "changed"
    assert backend("database", "to-database", "--force").exit_code == 0
    assert school_of(database_url, tmp_path, ada) == "None"


def test_damaged_file_is_one_line_and_leaves_the_database_as_it_was(
    ada: UUID, database_url: str, tmp_path: Path
) -> None:
    backend("dual", "to-json")
    (path,) = (tmp_path / "learning" / str(ada)).glob("anna.chat_messages.*")
    path.write_bytes(path.read_bytes()[:-20])
    set_school(database_url, tmp_path, ada, "changed")

    refused = backend("json", "to-database")
    looked = backend("dual", "drift", "--json")
    repaired = backend("dual", "to-json")

    assert refused.exit_code == looked.exit_code == 1
    (line,) = (line for line in refused.stderr.splitlines() if "learner_file" not in line)
    assert line.endswith(f"{path.name} is damaged: it is no JSON in UTF-8.")
    assert json.loads(looked.stdout)["refused"] == [line]
    assert school_of(database_url, tmp_path, ada) == "changed"
    assert repaired.exit_code == 0
    assert backend("dual", "drift").exit_code == 0


def test_files_of_what_the_database_has_no_more_go_only_by_force(
    ada: UUID, database_url: str, tmp_path: Path
) -> None:
    backend("dual", "to-json")
    with connected(settings_for(database_url, tmp_path)):
        unit_of_work(remove_learning_rows)(LEARNERS.table, ada, ["anna"])

    kept = backend("dual", "to-json", "--owner", str(ada))
    differing = backend("dual", "drift")
    gone = backend("dual", "to-json", "--owner", str(ada), "--force")
    alike = backend("dual", "drift")

    assert (kept.exit_code, differing.exit_code) == (1, 1)
    assert "the database has no learner; the files stay." in kept.stderr
    assert (gone.exit_code, alike.exit_code) == (0, 0)


@pytest.mark.parametrize("command", ["drift", "to-json", "to-database"])
@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_database_that_is_not_there_is_not_made(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "missing.db"
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{path}")

    result = backend("dual", command)

    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"There is no database {path}. Run `backend db upgrade` first.\n"
    assert not path.exists()


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_database_of_another_revision_is_left_alone(
    migrated_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", migrated_database_url)
    with connected(settings_for(migrated_database_url, Path())):
        get_db().executesql("UPDATE alembic_version SET version_num = 'abc'")

    result = backend("dual", "drift")

    assert (result.exit_code, result.stdout) == (2, "")
    assert " is at abc; this code needs " in result.stderr
