"""The repository's own revisions, as the tests of this folder reach them."""

from __future__ import annotations

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
