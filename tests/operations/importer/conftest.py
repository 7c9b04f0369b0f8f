"""An account, files of its learners, and every row of the database to compare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.models import get_db, release
from app.operations.importer.journal import Asked
from app.operations.importer.run import Report, run_import
from app.operations.importer.walking import Watching
from bilayer.runtime import Database
from tests.factories import make_user
from tests.support.learner_files import write_folder
from tests.support.service import connected, settings_for

LEARNER = "learner_1"
QUIET = Watching()
LEARNING = (
    *("learner_profiles", "mastered_words", "mastered_grammar", "approved_cards", "chat_messages"),
)
# What is another each time: when it was, the number it got, and made-up ids.
_PASSING = frozenset({"updated_at", "version", "added_at", "created_at"})


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """The service's database: migrated, empty, connected."""
    with connected(settings_for(database_url, tmp_path)) as database:
        yield database


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with learners, cards and messages."""
    return write_folder(tmp_path / "files")


@pytest.fixture
def asked(database: Database, tmp_path: Path, files: Path) -> Asked:
    """The wish to bring the files in, as the learner's that they have under this id."""
    user_id = make_user(email="ada@example.com")["id"]
    return Asked(user_id, tmp_path / "data", folder=files, profile_id=LEARNER)


def bring_in(asked: Asked) -> Report:
    """Run an import."""
    return run_import(asked, QUIET)


def of_run(asked: Asked, report: Report) -> Asked:
    """Return the wish for something about that very run."""
    return replace(asked, folder=None, run_id=report.run["id"])


def learned() -> dict[str, list[Any]]:
    """Return all rows of learning, without what is another each time."""
    return {
        table: sorted(
            repr({name: row[name] for name in sorted(row) if name not in _PASSING})
            for row in get_db()(get_db()[table]).dicts()
        )
        for table in LEARNING
    }


def counts() -> Mapping[str, int]:
    """Count the rows of learning."""
    found = {table: int(get_db()(get_db()[table]).count()) for table in LEARNING}
    release()
    return found
