"""``bilayer fix``: mends the PyDAL side of what differs."""

from __future__ import annotations

import difflib
import json
import sys
from pathlib import Path

import click

from bilayer.cli.output import refuse
from bilayer.drift.config import find_project
from bilayer.drift.definitions.files import write_sources
from bilayer.errors import BilayerError

_NEEDS = "bilayer fix needs libcst: pip install 'bilayer[fix]'"


@click.command(
    "fix",
    epilog="Exit codes: 0 all is mended, or would be; 1 something is left; 2 it cannot be read.",
)
@click.option("--write", is_flag=True, help="Change the files. Without it nothing is changed.")
@click.option("--dialect", metavar="ENGINE", help="Engine to judge by. Default: all of them.")
@click.option(
    "--project", type=click.Path(exists=True, file_okay=False, path_type=Path), default=Path(),
    help="Folder of pyproject.toml. Default: here, or the nearest above.",
)  # fmt: skip
@click.option("--json", "is_json", is_flag=True, help="Say it as JSON.")
def fix_command(*, write: bool, dialect: str | None, project: Path, is_json: bool) -> None:
    """Mend PyDAL definitions so that they agree with the models; comments and order stay.

    Shows what would change as a unified diff. Errors and warnings are mended; what cannot be is
    said.

    \b
    Examples:
      bilayer fix
      bilayer fix --write && bilayer check
    """
    try:
        from bilayer.drift.mending import mend_project  # noqa: PLC0415 - libcst is an extra
    except ImportError:
        refuse(BilayerError(_NEEDS))
    try:
        found = find_project(project.resolve())
        mended = mend_project(found, dialect=dialect)
        if write:
            write_sources(mended.after)
    except BilayerError as error:
        refuse(error)
    except OSError as error:
        refuse(BilayerError(f"{error.filename} cannot be written: {error.strerror}"))
    names = {path: _relative(path, found.root) for path in mended.after}
    diff = "".join(
        line
        for path, name in names.items()
        for line in difflib.unified_diff(
            mended.before[path].splitlines(keepends=True),
            mended.after[path].splitlines(keepends=True),
            f"a/{name}",
            f"b/{name}",
        )
    )
    if is_json:
        facts = {"files": list(names.values()), "diff": diff, "left": list(mended.left)}
        click.echo(json.dumps(facts | {"is_written": write}, indent=2))
    else:
        click.echo(diff, nl=False)
        for line in mended.left:
            click.echo(f"left: {line}", err=True)
        verb = "changed" if write else "would change"
        click.echo(f"bilayer: {verb} {len(names)} files, {len(mended.left)} left", err=True)
    sys.exit(1 if mended.left else 0)


def _relative(path: Path, root: Path) -> str:
    resolved = root.resolve()
    return path.relative_to(resolved).as_posix() if path.is_relative_to(resolved) else str(path)
