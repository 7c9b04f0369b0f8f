"""``bilayer lint``: judges revisions before they run."""

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
from bilayer.drift.lint.project import lint_project
from bilayer.drift.report.model import FailOn
from bilayer.errors import BilayerError


@click.command("lint", epilog=EXIT_CODES)
@source_options
@click.option("--after", metavar="REVISION", help="Judge the revisions behind this one only.")
@output_options
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
        refuse(error)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finish(found, form, output, fail_on)
