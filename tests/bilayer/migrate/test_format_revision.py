"""A revision is formatted where ruff is installed, and written where it is not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bilayer.migrate.format_revision import main

UGLY = "x = { 'a':1 }\n"


def test_a_new_revision_is_formatted(tmp_path: Path) -> None:
    revision = tmp_path / "revision.py"
    revision.write_text(UGLY)

    main([str(revision)])

    assert revision.read_text() == 'x = {"a": 1}\n'


def test_without_ruff_the_revision_stays_as_it_is_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    revision = tmp_path / "revision.py"
    revision.write_text(UGLY)
    monkeypatch.setitem(sys.modules, "ruff", None)

    main([str(revision)])

    assert revision.read_text() == UGLY
    assert "ruff is not installed" in capsys.readouterr().err


def test_a_file_that_is_not_python_fails_loudly(tmp_path: Path) -> None:
    revision = tmp_path / "revision.py"
    revision.write_text("def :")

    with pytest.raises(subprocess.CalledProcessError):
        main([str(revision)])
