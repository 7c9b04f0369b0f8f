"""Every fix of PyDAL's side is applied by `bilayer fix --write`; what it cannot mend has none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from pydal import DAL, Field

MODELS: Final = """
import uuid
import sqlalchemy as sa

metadata = sa.MetaData()
"""
PROJECT: Final = """
[tool.bilayer]
models = "many_models:metadata"
runtime = "many_tables:define_tables"
runtime_adapter = "{adapter}"
dialects = ["{dialect}"]
pythonpath = ["."]
"""
ID: Final = 'sa.Column("id", sa.Integer, primary_key=True)'

# What is found, the columns of the model, and the arguments of the PyDAL table over it.
CASES: Final[dict[str, tuple[str, str, str]]] = {
    "migrates": ("BL107", "", "migrate=True"),
    "texted": (
        "BL108",
        '-sa.Column("id", sa.String(20), primary_key=True)',
        'Field("id", "string", length=20)',
    ),
    "unknown": ("BL109", 'sa.Column("x", sa.BigInteger)', 'Field("x", "big-integer")'),
    "lost": (
        "BL110",
        'sa.Column("x", sa.Integer, sa.ForeignKey("parent.id"))',
        'Field("x", "reference person")',
    ),
    "reserved": ("BL111", 'sa.Column("order", sa.Integer)', 'Field("x", "integer", rname="order")'),
    "unseen": ("BL202", 'sa.Column("x", sa.String(9))', ""),
    "unseen_required": ("BL202", 'sa.Column("x", sa.Integer, nullable=False)', ""),
    "ghost": ("BL202", "", 'Field("x", "integer")'),
    "kind": ("BL204", 'sa.Column("x", sa.Date)', 'Field("x", "integer")'),
    "kind_text": ("BL204", 'sa.Column("x", sa.String(9))', 'Field("x", "integer")'),
    "length": ("BL205", 'sa.Column("x", sa.String(40))', 'Field("x", length=80)'),
    "digits": ("BL206", 'sa.Column("x", sa.Numeric(12, 2))', 'Field("x", "decimal(12,4)")'),
    "required": ("BL209", 'sa.Column("x", sa.String(9), nullable=False)', 'Field("x", length=9)'),
    "default": (
        "BL210",
        'sa.Column("x", sa.String(9), server_default="a")',
        'Field("x", length=9, default="b")',
    ),
    "python": (
        "BL211",
        'sa.Column("x", sa.Integer, nullable=False, default=7)',
        'Field("x", "integer", notnull=True)',
    ),
    "words": (
        "BL216",
        'sa.Column("x", sa.Enum("red", "green", name="c"))',
        'Field("x", length=5, default="Red")',
    ),
    "keyed": (
        "BL301",
        (
            '-sa.Column("a", sa.Integer, primary_key=True),'
            ' sa.Column("b", sa.Integer, primary_key=True)'
        ),
        (
            'Field("a", "integer", notnull=True), Field("b", "integer", notnull=True),'
            ' primarykey=["a"]'
        ),
    ),
    "single": ("BL302", 'sa.Column("x", sa.Integer)', 'Field("x", "integer", unique=True)'),
    "linked": (
        "BL304",
        'sa.Column("x", sa.Integer, sa.ForeignKey("parent.id"))',
        'Field("x", "reference other")',
    ),
    "unlinked": ("BL304", 'sa.Column("x", sa.Integer)', 'Field("x", "reference parent")'),
    "listed": ("BL406", 'sa.Column("x", sa.Text)', 'Field("x", "list:string")'),
    "rounded": ("BL405", 'sa.Column("x", sa.Numeric(12, 4))', 'Field("x", "double")'),
    # There is no mending these in PyDAL's definition.
    "computed": (
        "BL215",
        'sa.Column("x", sa.Integer, sa.Computed("id * 2"))',
        'Field("x", "integer")',
    ),
}
ENGINES: Final[dict[str, dict[str, tuple[str, str, str]]]] = {
    "postgresql": {
        "wide": ("BL207", 'sa.Column("x", sa.Integer)', 'Field("x", "bigint")'),
        "cased": ("BL203", 'sa.Column("Email", sa.String(9))', 'Field("email", length=9)'),
        "quoted": ("BL119", 'sa.Column("Up", sa.Integer)', 'Field("x", "integer", rname="`Up`")'),
        "always": (
            "BL217",
            'sa.Column("x", sa.Integer, sa.Identity(always=True))',
            'Field("x", "integer")',
        ),
    },
    "mysql": {
        "wide": ("BL207", 'sa.Column("x", sa.Integer)', 'Field("x", "bigint")'),
        "quoted": ("BL119", 'sa.Column("Up", sa.Integer)', 'Field("x", "integer", rname=\'"Up"\')'),
    },
    "sqlite": {},
}
UNMENDED: Final = {"BL215", "BL217"}


def write_project(folder: Path, dialect: str, adapter: str) -> dict[str, str]:
    """Write a project with a table a case; give the code each is to be found with."""
    cases = CASES | ENGINES[dialect]
    models = [MODELS, f'sa.Table("parent", metadata, {ID})', f'sa.Table("other", metadata, {ID})']
    tables = ['    db.define_table("parent")', '    db.define_table("other")']
    for name, (_, columns, arguments) in cases.items():
        key = "" if columns.startswith("-") else ID
        inside = ", ".join(part for part in (key, columns.removeprefix("-")) if part)
        models.append(f'sa.Table("{name}", metadata, {inside})')
        tables.append(f'    db.define_table("{name}", {arguments})  # {name}')
    models.append(f'sa.Table("blind", metadata, {ID}, sa.Column("x", sa.Integer))')
    models.append(f'sa.Table("pears", metadata, {ID})')
    tables += ['    db.define_table("pear")', '    db.define_table("gone", Field("x"))']
    (folder / "many_models.py").write_text("\n".join(models) + "\n")
    start = "from pydal import Field\n\n\ndef define_tables(db):\n"
    (folder / "many_tables.py").write_text(start + "\n".join(tables) + "\n")
    (folder / "pyproject.toml").write_text(PROJECT.format(dialect=dialect, adapter=adapter))
    found = {name: code for name, (code, *_) in cases.items()}
    return found | dict.fromkeys(("blind", "pears", "pear", "gone"), "BL201")


def run(folder: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bilayer.cli", *arguments, "--json", "--project", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def worth(report: dict[str, Any]) -> list[dict[str, Any]]:
    assert report["failures"] == []
    return [each for each in report["findings"] if each["severity"] != "info"]


@pytest.mark.parametrize(
    ("dialect", "adapter"), [("sqlite", "sqlite"), ("postgresql", "postgres"), ("mysql", "mysql")]
)
def test_everything_that_has_a_fix_is_mended_by_it(
    tmp_path: Path, dialect: str, adapter: str
) -> None:
    expected = write_project(tmp_path, dialect, adapter)

    before = worth(run(tmp_path, "check"))
    run(tmp_path, "fix", "--write")
    after = worth(run(tmp_path, "check"))

    found = {(each["table"], each["code"]) for each in before}
    assert set(expected.items()) - found == set()
    assert [(e["code"], e["table"], e["message"]) for e in after if e["fix"]] == []
    assert {e["code"] for e in after} <= UNMENDED
    assert {e["code"] for e in before if not e["fix"]} <= UNMENDED | {"BL201"}


def test_generated_column_takes_what_does_not_name_it() -> None:
    db = DAL("sqlite:memory", migrate=False)
    db.executesql("CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER, y AS (x * 2))")
    db.define_table("t", Field("x", "integer"), Field("y", "integer", writable=False))

    db.t.insert(x=1)
    db(db.t.id == 1).update(x=4)
    refused = db.t.validate_and_insert(x=1, y=5)

    assert [row.y for row in db(db.t).select()] == [8]
    assert refused["errors"] == {"y": "invalid"}
    with pytest.raises(Exception, match="generated column"):
        db.t.insert(x=1, y=5)
    db.close()
