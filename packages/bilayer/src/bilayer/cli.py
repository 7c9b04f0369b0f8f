"""The ``bilayer`` command. Prints and exits; everything else is in ``bilayer.drift``."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click

from bilayer.drift.config import find_project
from bilayer.drift.findings import CATALOGUE, Rule
from bilayer.drift.lint import lint_project
from bilayer.drift.project import check_project
from bilayer.drift.report.json import read_json
from bilayer.drift.report.model import FailOn, Report
from bilayer.errors import BilayerError

_FORMATS: Final = ("text", "json", "sarif", "github", "html")
_UNREADABLE: Final = 2
_INTERRUPTED: Final = 130
_EXIT_CODES: Final = """\b
Exit codes:
  0  no error was found
  1  errors; with --fail-on warning also warnings
  2  something could not be read, or the command is wrong
"""
_Command = TypeVar("_Command", bound=Callable[..., Any])


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=_EXIT_CODES,
)
@click.version_option(package_name="bilayer")
def main() -> None:
    """Keep SQLAlchemy models, Alembic migrations, PyDAL tables and databases in step.

    Configured by [tool.bilayer] in pyproject.toml, so that this alone is enough:

    \b
    Example:
      bilayer check
    """


def _output_options(command: _Command) -> _Command:
    """Add the options that say how a report is written."""
    options = [
        click.option(
            "--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True,
            help="How to write the report.",
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


def _source_options(command: _Command) -> _Command:
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


@main.command("check", epilog=_EXIT_CODES)
@_source_options
@click.option(
    "--url",
    metavar="URL",
    envvar="BILAYER_URL",
    show_envvar=True,
    help="Live database to compare with. Only ever read.",
)
@click.option("--values", is_flag=True, help="Also write and read values through both layers.")
@_output_options
def check_command(**options: Any) -> None:
    """Compare models, migrations, PyDAL tables and, if given, a live database.

    \b
    Examples:
      bilayer check
      bilayer check --dialect postgresql --scratch-url postgresql://postgres@localhost/postgres
      bilayer check --url postgresql://app@db.example/app --format sarif --output drift.sarif
    """
    _run(**options)


@main.command("values", epilog=_EXIT_CODES)
@_source_options
@_output_options
def values_command(**options: Any) -> None:
    """Write and read boundary values through both layers, in scratch databases.

    \b
    Example:
      bilayer values --scratch-url mysql://root@localhost/mysql
    """
    _run(url=None, values=True, only_values=True, **options)


@main.command("lint", epilog=_EXIT_CODES)
@_source_options
@click.option("--after", metavar="REVISION", help="Judge the revisions behind this one only.")
@_output_options
def lint_command(
    *, form: str, output: Path | None, fail_on: FailOn, project: Path, **options: Any
) -> None:
    """Judge each revision before it runs: what it locks, breaks, or cannot undo.

    \b
    Examples:
      bilayer lint
      bilayer lint --dialect postgresql --after 8b27d5c0e91f --fail-on warning
    """
    try:
        found = lint_project(find_project(project.resolve()), **options)
    except BilayerError as error:
        _refuse(error)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    _finish(found, form, output, fail_on)


@main.command(epilog="Exit codes: 0 done; 1 no finding has that code; 2 the command is wrong.")
@click.argument("code")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to write the explanation.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
def explain(code: str, form: str) -> None:
    """Explain a finding's CODE: what it means, why it matters, an example.

    \b
    Examples:
      bilayer explain BL204
      bilayer explain all
    """
    names = {rule.name: rule for rule in CATALOGUE.values()} | CATALOGUE
    if code != "all" and code.upper() not in names and code not in names:
        message = f"no finding is called {code}; `bilayer explain all` lists them"
        raise click.ClickException(message)
    rules = list(CATALOGUE.values()) if code == "all" else [names.get(code) or names[code.upper()]]
    if form == "json":
        click.echo(json.dumps([dataclasses.asdict(rule) for rule in rules], indent=2))
        return
    click.echo("\n\n".join(_write_rule(rule) for rule in rules))


@main.command(epilog=_EXIT_CODES)
@click.argument("file", type=click.File(encoding="utf-8"))
@_output_options
def report(file: Any, form: str, output: Path | None, fail_on: FailOn) -> None:
    """Write a report kept by `bilayer check --format json` in another form.

    \b
    Example:
      bilayer check --json --output drift.json
      bilayer report drift.json --format html --output drift.html
    """
    try:
        found = read_json(file.read())
    except ValueError as error:
        _refuse(error)
    _finish(found, form, output, fail_on)


def _run(*, form: str, output: Path | None, fail_on: FailOn, project: Path, **sources: Any) -> None:
    try:
        found = check_project(find_project(project.resolve()), **sources)
    except BilayerError as error:
        _refuse(error)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    _finish(found, form, output, fail_on)


def _refuse(error: Exception) -> NoReturn:
    """Say what could not be read, and leave."""
    click.echo(f"bilayer: {error}", err=True)
    sys.exit(_UNREADABLE)


def _finish(found: Report, form: str, output: Path | None, fail_on: FailOn) -> None:
    """Write the report and leave with its exit code."""
    is_terminal = output is None and sys.stdout.isatty()
    writers: dict[str, Callable[[], str]] = {
        "text": lambda: found.to_text(color=is_terminal, width=None if is_terminal else 100),
        "json": found.to_json,
        "sarif": found.to_sarif,
        "github": found.to_github,
        "html": found.to_html,
    }
    text = writers[form]().rstrip("\n") + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            _refuse(BilayerError(f"{output} cannot be written: {error.strerror}"))
    sys.exit(found.exit_code_for(fail_on))


def _write_rule(rule: Rule) -> str:
    title = f"{rule.code} {rule.name} ({rule.severity} at worst)"
    wrapped = click.wrap_text(rule.explanation, width=88)
    return f"{title}\n\n{wrapped}\n\nExample: {rule.example}"


if __name__ == "__main__":
    main()
