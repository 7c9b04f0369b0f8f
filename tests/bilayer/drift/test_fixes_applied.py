"""Fixes of schemas are applied as they stand, and nothing is left to find; taken back, all is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext

import bilayer
from bilayer.drift.findings import Finding
from bilayer.drift.readers.sqlalchemy import load_dialect
from bilayer.urls import engine_name
from tests.bilayer.drift import mutations
from tests.bilayer.drift.project import write_project, write_revision

SETUP = {"BL106"}
"""The env.py of a project written for a test knows none of its tables."""


def found(report: bilayer.Report, codes: Iterable[str] = SETUP) -> list[Finding]:
    assert report.failures == ()
    return [finding for finding in report.findings if finding.code not in codes]


def split(fix: str) -> tuple[str, str, str]:
    """Give what stands above the functions of a fix, and what each of them does."""
    tree = ast.parse(fix)
    lines = fix.splitlines()
    up, down = (each for each in tree.body if isinstance(each, ast.FunctionDef))
    assert (up.name, down.name) == ("upgrade", "downgrade")
    imports = [ast.unparse(each) for each in tree.body if each not in (up, down)]

    def body(function: ast.FunctionDef) -> str:
        inside = lines[function.lineno : function.end_lineno]
        return "\n".join(line.removeprefix("    ") for line in inside)

    return "\n".join(imports), body(up), body(down)


def run_all(statements: Iterable[str]) -> str:
    return "\n".join(f"op.get_bind().exec_driver_sql({each!r})" for each in statements)


def test_revisions_mend_and_take_back(
    tmp_path: Path, scratch_url: str | None, dialect: str
) -> None:
    models, made = mutations.build(dialect)
    first = run_all(mutations.write_statements(made, load_dialect(engine_name(dialect))))
    config = write_project(tmp_path, first=first)

    def check() -> list[Finding]:
        return found(
            bilayer.check(
                metadata=models, migrations=config, dialect=dialect, scratch_url=scratch_url
            )
        )

    before = check()
    fixes = list(dict.fromkeys(finding.fix or "" for finding in before))
    parts = [split(fix) for fix in fixes if fix]
    imports = "\n".join(dict.fromkeys(part[0] for part in parts))
    write_revision(tmp_path, "second", "first", "\n".join([imports, *(up for _, up, _ in parts)]))
    after = check()
    downs = [down for _, _, down in reversed(parts)]
    write_revision(tmp_path, "third", "second", "\n".join([imports, *downs]))
    again = check()

    expected = {(code, f"of_{name}") for name, (code, *_) in mutations.mutations(dialect).items()}
    assert expected - {(finding.code, finding.table) for finding in before} == set()
    assert [(each.code, each.place) for each in before if not each.fix] == []
    assert [(each.code, each.place, each.left, each.right) for each in after] == []
    assert {(each.code, each.place) for each in again} == {(e.code, e.place) for e in before}


@pytest.mark.filterwarnings("ignore:Table '_alembic_tmp_")  # of Alembic's copy with another key
def test_live_database_is_mended(
    tmp_path: Path, scratch_url: str | None, empty_database_url: str, dialect: str
) -> None:
    right, wrong = mutations.build(dialect)
    written = load_dialect(engine_name(dialect))
    config = write_project(tmp_path, first=run_all(mutations.write_statements(right, written)))
    live = sa.create_engine(empty_database_url)
    stamp = (
        "CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY)",
        "INSERT INTO alembic_version VALUES ('first')",
    )
    with live.begin() as connection:
        for statement in (*mutations.write_statements(wrong, written), *stamp):
            connection.exec_driver_sql(statement)

    def check() -> list[Finding]:
        return found(bilayer.check(migrations=config, url=live.url, scratch_url=scratch_url))

    before = check()
    for fix in dict.fromkeys(finding.fix or "" for finding in before):
        with live.begin() as connection:
            apply(fix, connection)
    after = check()
    live.dispose()

    assert [(each.code, each.place) for each in before if not each.fix] == []
    assert [(each.code, each.place, each.left, each.right) for each in after] == []


def apply(fix: str, connection: sa.Connection) -> None:
    """Run SQL, or on SQLite the calls that stand for it."""
    lines = [line for line in fix.splitlines() if not line.startswith(("-- ", "# "))]
    if not any("op." in line for line in lines[:1]):
        for statement in split_statements("\n".join(lines)):
            connection.exec_driver_sql(statement)
        return
    operations = Operations(MigrationContext.configure(connection))
    exec("\n".join(lines), {"op": operations, "sa": sa})


def split_statements(text: str) -> list[str]:
    """Split where a line ends with a semicolon: each fix has one statement in each line."""
    return [each for each in re.split(r";\s*(?:\n|$)", text) if each.strip()]
