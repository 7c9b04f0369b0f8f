"""The repository's own revisions, as the tests of this folder reach them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config() -> Config:
    """The configuration at the root of the repository."""
    return Config(ROOT / "alembic.ini")


@pytest.fixture
def revisions(config: Config) -> list[Script]:
    """Every revision, the first one first."""
    return list(reversed(list(ScriptDirectory.from_config(config).walk_revisions())))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the commands need, into which a revision may be written."""
    for name in ("alembic", "services/flask-backend"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path
