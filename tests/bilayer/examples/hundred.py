"""Writes a project of many tables into a folder: models by domain, tables, a revision a domain.

Run it to look at one: ``python tests/bilayer/examples/hundred.py FOLDER``. One column in each
domain is forgotten in PyDAL, one has another length there; the lines say so.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

DOMAINS = 10
TABLES = 10
SETTINGS = """
[tool.bilayer]
models = "big_models:metadata"
runtime = "big_tables:define_tables"
migrations = "alembic.ini"
dialects = ["sqlite"]
pythonpath = ["."]
"""
INI = """
[alembic]
script_location = %(here)s/migrations
path_separator = os
sqlalchemy.url = sqlite://
"""
ENV = """
from alembic import context
from sqlalchemy import engine_from_config

from big_models import metadata

with engine_from_config(context.config.get_section("alembic")).connect() as connection:
    context.configure(connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
"""


def write(folder: Path) -> None:
    """Write the project."""
    (folder / "migrations/versions").mkdir(parents=True)
    (folder / "pyproject.toml").write_text(SETTINGS)
    (folder / "alembic.ini").write_text(INI)
    (folder / "migrations/env.py").write_text(ENV)
    models = ["import sqlalchemy as sa\n\nmetadata = sa.MetaData()\n"]
    tables = ["from pydal import Field\n\n\ndef define_tables(db):\n"]
    for domain in range(DOMAINS):
        names = [f"d{domain}_t{number}" for number in range(TABLES)]
        models += [_model(name, before) for name, before in _pairs(names)]
        tables += [_table(name, before) for name, before in _pairs(names)]
        (folder / f"migrations/versions/{domain:04}_domain.py").write_text(_revision(domain, names))
    (folder / "big_models.py").write_text("".join(models))
    (folder / "big_tables.py").write_text("".join(tables))


def _pairs(names: list[str]) -> Iterator[tuple[str, str | None]]:
    return zip(names, [None, *names[:-1]], strict=True)


def _columns(before: str | None) -> str:
    link = f'    sa.Column("up", sa.Integer, sa.ForeignKey("{before}.id", ondelete="CASCADE")),\n'
    return (
        '    sa.Column("id", sa.Integer, primary_key=True),\n'
        '    sa.Column("name", sa.String(80), nullable=False),\n'
        '    sa.Column("amount", sa.Numeric(10, 2)),\n'
        '    sa.Column("note", sa.Text),\n'
        '    sa.Column("made_on", sa.Date, index=True),\n' + (link if before else "")
    )


def _model(name: str, before: str | None) -> str:
    return f'{name} = sa.Table(\n    "{name}",\n    metadata,\n{_columns(before)})\n'


def _table(name: str, before: str | None) -> str:
    is_last = name.endswith(f"t{TABLES - 1}")
    lines = [
        f"    db.define_table(  # BL202 {name}.note" if is_last else "    db.define_table(",
        f'        "{name}",',
        '        Field("name", length=80, notnull=True),',
        '        Field("amount", "decimal(10,2)"),',
        "" if is_last else '        Field("note", "text"),',
        '        Field("made_on", "date"),',
        f'        Field("up", "reference {before}"),' if before else "",
        "    )",
    ]
    if before is None:
        lines[2] = f'        Field("name", length=60, notnull=True),  # BL205 {name}.name'
    return "\n".join(line for line in lines if line) + "\n"


def _revision(domain: int, names: list[str]) -> str:
    down = repr(f"{domain - 1:04}") if domain else "None"
    creates = ""
    for name, before in _pairs(names):
        columns = _columns(before).replace("\n    ", "\n        ")
        creates += f'    op.create_table(\n        "{name}",\n    {columns}    )\n'
    drops = "".join(f'    op.drop_table("{name}")\n' for name in reversed(names))
    return (
        "import sqlalchemy as sa\nfrom alembic import op\n\n"
        f'revision = "{domain:04}"\ndown_revision = {down}\n\n\n'
        f"def upgrade():\n{creates}\n\ndef downgrade():\n{drops}"
    )


if __name__ == "__main__":
    write(Path(sys.argv[1]))
