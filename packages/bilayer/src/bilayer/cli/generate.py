"""``bilayer generate``: writes PyDAL definitions."""

from __future__ import annotations

from pathlib import Path

import click

from bilayer.cli.output import refuse
from bilayer.drift.config import find_project
from bilayer.drift.generate import generate
from bilayer.errors import BilayerError


@click.command(
    "generate", epilog="Exit codes: 0 written; 1 a file is there already; 2 it cannot be."
)
@click.option("--dialect", metavar="ENGINE", help="Engine they are for. Default: the first.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write one file instead of standard output.",
)
@click.option(
    "--split",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="FOLDER",
    help="Write a package: a module for each file of models.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="Folder of pyproject.toml. Default: here, or the nearest above.",
)
def generate_command(
    *, dialect: str | None, output: Path | None, split: Path | None, force: bool, project: Path
) -> None:
    """Write PyDAL definitions from the models: a function that defines all tables on a DAL.

    \b
    Examples:
      bilayer generate > app/tables.py
      bilayer generate --split app/dal/tables
    """
    if output and split:
        raise click.UsageError("--output writes one file, --split several: name one of them")
    try:
        found = generate(find_project(project.resolve()), dialect=dialect, is_split=bool(split))
    except BilayerError as error:
        refuse(error)
    for name in found.left_out:
        click.echo(f"bilayer: PyDAL has no type for {name}; it is left out", err=True)
    if output is None and split is None:
        click.echo(found.modules["tables.py"], nl=False)
        return
    folder, names = (split, found.modules) if split else (Path(), {})
    if output:
        names = {str(output): found.modules["tables.py"]}
    _write_files({folder / name: text for name, text in names.items()}, is_forced=force)


def _write_files(texts: dict[Path, str], *, is_forced: bool) -> None:
    """Write all files, or none if one of them is there."""
    there = [str(path) for path in texts if path.exists()]
    if there and not is_forced:
        message = f"{', '.join(there)} would be replaced; --force does that"
        raise click.ClickException(message)
    try:
        for path, text in texts.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            click.echo(f"wrote {path}", err=True)
    except OSError as error:
        refuse(BilayerError(f"{error.filename} cannot be written: {error.strerror}"))
