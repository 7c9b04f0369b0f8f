"""The ``bilayer`` command. Prints and exits; everything else is in ``bilayer.drift``."""

from __future__ import annotations

import click

from bilayer.cli.check import check_command, report, values_command
from bilayer.cli.explain import explain
from bilayer.cli.fix import fix_command
from bilayer.cli.generate import generate_command
from bilayer.cli.lint import lint_command
from bilayer.cli.output import EXIT_CODES
from bilayer.cli.rehearse import rehearse_command


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=EXIT_CODES,
)
@click.version_option(package_name="bilayer")
def main() -> None:
    """Keep SQLAlchemy models, Alembic migrations, PyDAL tables and databases in step.

    Configured by [tool.bilayer] in pyproject.toml, so that this alone is enough:

    \b
    Example:
      bilayer check
    """


for command in (
    check_command,
    values_command,
    generate_command,
    fix_command,
    lint_command,
    rehearse_command,
    explain,
    report,
):
    main.add_command(command)
