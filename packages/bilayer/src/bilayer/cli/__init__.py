"""The ``bilayer`` command. Prints and exits; everything else is in ``bilayer.drift``."""

from __future__ import annotations

import atexit
import gc
import importlib
from typing import Final

import click

from bilayer.cli.output import EXIT_CODES

_HOMES: Final = {
    "check": "check.check_command",
    "explain": "explain.explain",
    "fix": "fix.fix_command",
    "generate": "generate.generate_command",
    "lint": "lint.lint_command",
    "rehearse": "rehearse.rehearse_command",
    "report": "check.report",
    "values": "check.values_command",
}

# Python's last look for garbage takes a tenth of a check, and the process ends anyway.
atexit.register(gc.freeze)


class _Commands(click.Group):
    """Loads a command when it is asked for: a check needs nothing of the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's form
        return list(_HOMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's form
        if cmd_name not in _HOMES:
            return None
        module, _, name = _HOMES[cmd_name].partition(".")
        command: click.Command = getattr(importlib.import_module(f"bilayer.cli.{module}"), name)
        return command


@click.group(
    cls=_Commands,
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
