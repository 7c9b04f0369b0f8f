"""What the commands have in common: options, exit codes, and how a report is written."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click

from bilayer.drift.passwords import hide_passwords
from bilayer.drift.report.model import FailOn, Report
from bilayer.errors import BilayerError

FORMATS: Final = ("text", "json", "sarif", "github", "html", "ignore")
UNREADABLE: Final = 2
INTERRUPTED: Final = 130
EXIT_CODES: Final = """\b
Exit codes:
  0  no error was found
  1  errors; with --fail-on warning also warnings
  2  something could not be read, or the command is wrong
"""
Command = TypeVar("Command", bound=Callable[..., Any])


def output_options(command: Command) -> Command:
    """Add the options that say how a report is written."""
    options = [
        click.option(
            "--format", "form", type=click.Choice(FORMATS), default="text", show_default=True,
            help="How to write the report; ignore: as the list of what to be quiet about for now.",
        ),
        click.option("--json", "form", flag_value="json", help="The same as --format json."),
        click.option(
            "--output", type=click.Path(dir_okay=False, path_type=Path),
            help="Write to a file instead of standard output.",
        ),
        click.option(
            "--fail-on", type=click.Choice(["error", "warning"]), default="error",
            show_default=True, help="What makes the exit code 1.",
        ),
    ]  # fmt: skip
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def source_options(command: Command) -> Command:
    """Add the options that say what is compared, and where."""
    options = [
        click.option(
            "--dialect", "dialects", multiple=True, metavar="ENGINE",
            help="Engine to check on: sqlite, postgresql or mysql. Repeatable.",
        ),
        click.option(
            "--scratch-url", "scratch_urls", multiple=True, metavar="URL",
            envvar="BILAYER_SCRATCH_URLS", show_envvar=True,
            help="Server on which scratch databases may be made and dropped. Repeatable; in the"
            " environment several are set apart by spaces.",
        ),
        click.option(
            "--project", type=click.Path(exists=True, file_okay=False, path_type=Path),
            default=Path(), help="Folder of pyproject.toml. Default: here, or the nearest above.",
        ),
    ]  # fmt: skip
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def refuse(error: Exception) -> NoReturn:
    """Say what could not be read, and leave."""
    click.echo(f"bilayer: {hide_passwords(str(error))}", err=True)
    sys.exit(UNREADABLE)


def finish(
    found: Report, form: str, output: Path | None, fail_on: FailOn, *, before: str = ""
) -> None:
    """Write the report, behind a text that goes with it, and leave with its exit code."""
    is_terminal = output is None and sys.stdout.isatty()
    writers: dict[str, Callable[[], str]] = {
        "text": lambda: found.to_text(color=is_terminal, width=None if is_terminal else 100),
        "json": found.to_json,
        "sarif": found.to_sarif,
        "github": found.to_github,
        "html": found.to_html,
        "ignore": found.to_ignore,
    }
    head = before.rstrip("\n") + "\n" if before else ""
    text = head + writers[form]().rstrip("\n") + "\n"
    if output is None:
        # People are shown letters their terminal lacks as Python writes them; programs read UTF-8.
        encoding = sys.stdout.encoding if form == "text" else "utf-8"
        click.echo(text.encode(encoding or "utf-8", "backslashreplace"), nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            refuse(BilayerError(f"{output} cannot be written: {error.strerror}"))
    sys.exit(found.exit_code_for(fail_on))
