"""Every command explains itself."""

import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from app.cli import main

GROUPS = [name for name, command in main.commands.items() if isinstance(command, click.Group)]
COMMANDS = [
    (group, name)
    for group in GROUPS
    if isinstance(found := main.commands[group], click.Group)
    for name in found.commands
] + [(), *((name,) for name in main.commands)]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_shows_an_example_and_the_exit_codes(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*words, "--help"])

    assert result.exit_code == 0
    assert " ".join(["backend", *words]) in result.stdout.partition("Example:")[2]
    assert "Exit codes: 0 done" in result.stdout
    assert "\\b" not in result.stdout


def test_help_needs_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENV", "nonsense")

    result = CliRunner().invoke(main, ["--help"])

    assert result.exit_code == 0


def test_unknown_group_is_exit_code_2() -> None:
    assert CliRunner().invoke(main, ["nothing"]).exit_code == 2


def test_commands_are_told_without_the_runtime() -> None:
    heavy = ("pydal", "bilayer.runtime", "flask", "rich", "stripe")
    source = f"import sys, app.cli; print(*(name for name in {heavy} if name in sys.modules))"

    told = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )

    assert told.stdout.split() == []
