"""``bilayer rehearse``: runs revisions on made-up rows before they are run on real ones."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.status import Status

from bilayer.cli.output import (
    EXIT_CODES,
    INTERRUPTED,
    finish,
    output_options,
    refuse,
    source_options,
)
from bilayer.drift.config import find_project
from bilayer.drift.rehearsal.project import Rehearsal, rehearse_project
from bilayer.drift.rehearsal.writing import write_costs
from bilayer.drift.report.model import FailOn
from bilayer.errors import BilayerError


@click.command("rehearse", epilog=EXIT_CODES)
@source_options
@click.option("--revision", metavar="REVISION", help="Rehearse this one only.")
@click.option(
    "--rows",
    type=click.IntRange(min=1),
    help="Also measure what revisions cost on tables of so many rows, and whom they keep waiting"
    " (PostgreSQL).",
)
@output_options
def rehearse_command(
    *, form: str, output: Path | None, fail_on: FailOn, project: Path, **options: Any
) -> None:
    """Run each revision up, down and up again in scratch databases with made-up rows.

    Tells what fails only where there are rows, what a downgrade leaves behind, and which values
    do not survive.

    \b
    Examples:
      bilayer rehearse
      bilayer rehearse --revision 8b27d5c0e91f --rows 1000000 --dialect postgresql
    """
    try:
        with Status("rehearsing", console=Console(stderr=True)) as status:
            found = rehearse_project(
                find_project(project.resolve()),
                **options,
                tell=lambda text: status.update(f"rehearsing on {text}"),
            )
    except BilayerError as error:
        refuse(error)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    if form == "json":
        _finish_json(found, output, fail_on)
    costs = ""
    if form == "text" and found.costs:
        is_terminal = output is None and sys.stdout.isatty()
        costs = write_costs(found.costs, width=None if is_terminal else 100, color=is_terminal)
    finish(found.report, form, output, fail_on, before=costs)


def _finish_json(found: Rehearsal, output: Path | None, fail_on: FailOn) -> None:
    """Write the report as everywhere, and what revisions cost beside it."""
    document = json.loads(found.report.to_json())
    document["costs"] = [dataclasses.asdict(cost) for cost in found.costs]
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            refuse(BilayerError(f"{output} cannot be written: {error.strerror}"))
    sys.exit(found.report.exit_code_for(fail_on))
