"""Every script explains itself, refuses wrong use, and says what it needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.databases import ROOT

SCRIPTS = sorted(path.name for path in (ROOT / "scripts").iterdir() if path.is_file())
SHELL_SCRIPTS = [name for name in SCRIPTS if not name.endswith(".py")]
WRONG_USE = 2


def call(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts" / script, *arguments],
        cwd="/",
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("script", SHELL_SCRIPTS)
def test_help_has_an_example_and_the_exit_codes(script: str) -> None:
    told = call(script, "--help")

    assert told.returncode == 0
    assert f"scripts/{script}" in told.stdout
    assert "Exit codes:" in told.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--prot", "1"),
        ("run", "--port"),
        ("run", "--port", "http"),
        ("run", "--port=70000"),
        ("run", "--data="),
        ("run", "somewhere"),
        ("check", "--fast"),
    ],
    ids=" ".join,
)
def test_wrong_use_is_refused_before_anything_is_made(arguments: tuple[str, ...]) -> None:
    refused = call(*arguments)

    assert refused.returncode == WRONG_USE
    assert refused.stdout == ""
    assert "--help" in refused.stderr or "--port takes" in refused.stderr


def fake_python(folder: Path, answers: str) -> dict[str, str]:
    """Make every python3 on PATH one that runs the given shell lines."""
    for name in ("python3", *(f"python3.{minor}" for minor in range(11, 15))):
        path = folder / name
        path.write_text(f"#!/bin/sh\n{answers}\n")
        path.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHON": ""}


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ("echo Python 3.9.2", "python3.14 is Python 3.9.2"),
        ("echo no-venv", "python3 lacks venv or ensurepip"),
        ("exit 127", "CPython 3.11 to 3.14 with its venv module is needed"),
    ],
)
def test_a_machine_without_a_usable_python_is_told_so(
    tmp_path: Path, answers: str, sentence: str
) -> None:
    environment = {**os.environ, **fake_python(tmp_path, answers)}

    refused = subprocess.run(
        ["bash", "-c", ". scripts/support/environment.sh && find_python"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert refused.returncode == 1
    assert sentence in refused.stderr


@pytest.mark.parametrize("script", SHELL_SCRIPTS)
def test_script_keeps_off_the_names_it_sources(script: str) -> None:
    assigned = re.compile(r"^([A-Z_]+)=", re.MULTILINE)
    support = (ROOT / "scripts/support/environment.sh").read_text()

    taken = set(assigned.findall((ROOT / "scripts" / script).read_text()))

    assert not taken & set(assigned.findall(support))


def test_run_finds_a_python_where_nothing_is_set_up(tmp_path: Path) -> None:
    # It then stops at the packages: the copy has no locks.
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")

    stopped = subprocess.run(
        [tmp_path / "scripts/run", "--setup-only"],
        env={"PATH": os.environ["PATH"], "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert stopped.returncode == 1
    assert "Making .venv with Python" in stopped.stdout
