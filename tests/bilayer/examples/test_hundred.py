"""A hundred tables: each of twenty mistakes is found at its line, mended, and nothing else said."""

from __future__ import annotations

from pathlib import Path

from tests.bilayer.examples import hundred
from tests.bilayer.examples.project import Project, marks


def test_hundred_tables(dialect: str, scratch_url: str | None, tmp_path: Path) -> None:
    hundred.write(tmp_path / "big")
    project = Project("big", tmp_path)
    expected = project.expect(dialect)
    assert len(expected) == 2 * hundred.DOMAINS

    _, report = project.check(dialect, scratch_url)
    assert marks(report) == expected

    project.run("fix", "--write", "--dialect", dialect)
    project.replace("pyproject.toml", 'migrations = "alembic.ini"\n', "")
    assert marks(project.check(dialect)[1], "error", "warning") == set()
