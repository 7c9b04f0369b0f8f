"""Fixtures of the drift check's tests: sample projects, and engines by bilayer's own names."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.support import run as runs

PROJECTS = Path(__file__).parent / "projects"
DIALECTS = {"sqlite": "sqlite", "postgresql": "postgresql", "mariadb": "mysql"}


@pytest.fixture(scope="session")
def dialect(engine: str) -> str:
    """The engine's name in code: MariaDB is ``mysql``."""
    return DIALECTS[engine]


@pytest.fixture(scope="session")
def scratch_server(suite_run: runs.Run, engine: str) -> str | None:
    """As ``scratch_url``, for fixtures that live longer than a test."""
    return None if engine == "sqlite" else suite_run.server(engine).url


@pytest.fixture(scope="session")
def samples() -> Iterator[None]:
    """Make the modules of the sample projects importable."""
    paths = [str(folder) for folder in sorted(PROJECTS.iterdir()) if folder.is_dir()]
    sys.path[:0] = paths
    yield
    for path in paths:
        sys.path.remove(path)


@pytest.fixture(scope="session")
def load(samples: None) -> Callable[[str], ModuleType]:
    """Import a module of a sample project by name."""
    return importlib.import_module
