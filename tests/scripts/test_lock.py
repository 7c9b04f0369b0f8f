"""scripts/lock --check: a change that the lock files do not follow is found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scripts.support.locks import LIBRARY, LOCKS, SERVICE, find_problems
from tests.support.databases import ROOT


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the files that the check compares."""
    for name in ("pyproject.toml", SERVICE, LIBRARY, *(f"requirements/{n}.lock" for n in LOCKS)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_committed_locks_are_in_step(tree: Path) -> None:
    assert list(find_problems(tree)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (SERVICE, '"flask>=3.1"', '"flask>=99"', "run.lock has flask"),
        (SERVICE, '"flask>=3.1"', '"flask>=3.1", "celery"', "run.lock lacks celery"),
        (LIBRARY, '"rich>=13"', '"rich<13"', "run.lock has rich"),
        (SERVICE, '"orjson>=3.10",', "", "run.lock was made for other requirements"),
        ("pyproject.toml", '"pytest>=9"', '"pytest>=999"', "dev.lock has pytest"),
        ("requirements/run.lock", "flask==3", "flask==2", "run.lock has flask 2"),
        ("requirements/dev.lock", "werkzeug==3", "werkzeug==4", "werkzeug is not the same"),
        ("requirements/run.lock", "alembic==", "--index-url https://x\nalembic==", "an index"),
    ],
)
def test_a_difference_is_named(tree: Path, file: str, old: str, new: str, problem: str) -> None:
    replace(tree / file, old, new)

    problems = list(find_problems(tree))

    assert any(problem in text for text in problems), problems


def test_a_package_without_hashes_is_named(tree: Path) -> None:
    with (tree / "requirements/run.lock").open("a") as lock:
        lock.write("left-pad==1.0\n")

    assert "run.lock has a package without hashes." in list(find_problems(tree))
