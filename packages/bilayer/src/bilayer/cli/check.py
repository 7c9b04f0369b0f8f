"""``bilayer check``, ``values`` and ``report``: reports of what differs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from bilayer.cli.output import (
    EXIT_CODES,
    INTERRUPTED,
    finish,
    output_options,
    refuse,
    source_options,
)
from bilayer.drift.config import find_project
from bilayer.drift.passwords import hide_passwords
from bilayer.drift.project import check_project
from bilayer.drift.report.json import read_json, read_schema
from bilayer.drift.report.model import FailOn, Failure, Report
from bilayer.errors import BilayerError


@click.command("check", epilog=EXIT_CODES)
@source_options
@click.option(
    "--url",
    metavar="URL",
    envvar="BILAYER_URL",
    show_envvar=True,
    help="Live database to compare with. Only ever read.",
)
@click.option("--values", is_flag=True, help="Also write and read values through both layers.")
@output_options
def check_command(**options: Any) -> None:
    """Compare models, migrations, PyDAL tables and, if given, a live database.

    \b
    Examples:
      bilayer check
      bilayer check --dialect postgresql --scratch-url postgresql://postgres@localhost/postgres
      bilayer check --url postgresql://app@db.example/app --format sarif --output drift.sarif
    """
    _run(**options)


@click.command("values", epilog=EXIT_CODES)
@source_options
@output_options
def values_command(**options: Any) -> None:
    """Write and read boundary values through both layers, in scratch databases.

    \b
    Example:
      bilayer values --scratch-url mysql://root@localhost/mysql
    """
    _run(url=None, values=True, only_values=True, **options)


def _print_schema(context: click.Context, _option: click.Parameter, is_asked: bool) -> None:  # noqa: FBT001 - click's form
    if is_asked:
        click.echo(read_schema(), nl=False)
        context.exit()


@click.command(epilog=EXIT_CODES)
@click.argument("file", type=click.File(encoding="utf-8"))
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of reports and leave.",
)
@output_options
def report(file: Any, form: str, output: Path | None, fail_on: FailOn) -> None:
    """Write a report kept by `bilayer check --format json` in another form.

    \b
    Examples:
      bilayer check --json --output drift.json
      bilayer report drift.json --format html --output drift.html
      bilayer report --schema
    """
    try:
        found = read_json(file.read())
    except ValueError as error:
        refuse(error)
    finish(found, form, output, fail_on)


def _run(*, form: str, output: Path | None, fail_on: FailOn, project: Path, **sources: Any) -> None:
    try:
        found = check_project(find_project(project.resolve()), **sources)
    except BilayerError as error:
        if form == "text" and output is None:
            refuse(error)
        # Whoever reads a report reads there why it is empty.
        found = Report.of((), failures=[Failure("configuration", hide_passwords(str(error)))])
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finish(found, form, output, fail_on)
