"""Projects of other people: what is wrong with each is found at its line, and mended."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.bilayer.examples.project import Project, marks

EVERYWHERE = ("clean", "legacy", "links", "branches", "unbuildable")
ONLY = {"postgresql": ("shop", "schemas"), "mysql": ("mariadb_legacy",), "sqlite": ()}
UNREADABLE = {"unbuildable"}
# What nobody can mend in a definition: what the stock adapters do to values, defaults that are
# computed in Python, which of two definitions was meant, and the models.
LEFT = {"BL401", "BL402", "BL404", "BL405", "BL406", "BL211", "BL112", "BL115", "BL120"}
# No field is written for an array: PyDAL would send |a|b|, which is refused.
UNWRITTEN = {("BL202", "special.places")}


def projects(dialect: str, folder: Path) -> list[Project]:
    return [Project(name, folder) for name in (*EVERYWHERE, *ONLY[dialect])]


def test_findings_are_those_the_lines_name(
    dialect: str, scratch_url: str | None, tmp_path: Path
) -> None:
    for project in projects(dialect, tmp_path):
        code, report = project.check(dialect, scratch_url)

        expected, name = project.expect(dialect), project.folder.name
        assert expected - marks(report) == set(), name
        assert marks(report, "error") - expected == set(), name
        assert bool(report["failures"]) == (name in UNREADABLE), report["failures"]
        assert code == (2 if name in UNREADABLE else int(bool(marks(report, "error")))), name
        assert not report["not_done"], name
        assert name != "clean" or report["findings"] == []


def test_fix_mends_all_but_what_it_names(dialect: str, tmp_path: Path) -> None:
    for project in projects(dialect, tmp_path):
        name = project.folder.name
        project.replace("pyproject.toml", 'migrations = "alembic.ini"\n', "")
        project.run("fix", "--write", "--dialect", dialect)
        again = json.loads(project.run("fix", "--json", "--dialect", dialect).stdout)
        assert again["files"] == [], (name, again["diff"])

        _, report = project.check(dialect)
        left = {(mark.code, mark.place) for mark in marks(report, "error", "warning")}
        assert left == {tuple(line.split(":")[0].split(" ", 1)) for line in again["left"]}, name
        assert {code for code, _ in left} <= LEFT, name


def test_generated_definitions_agree(dialect: str, tmp_path: Path) -> None:
    for project in projects(dialect, tmp_path):
        name = project.folder.name
        project.run("generate", "--output", "written_new.py", "--dialect", dialect)
        settings = project.folder / "pyproject.toml"
        text = re.sub("^(runtime|migrations) = .*\n", "", settings.read_text(), flags=re.MULTILINE)
        settings.write_text(text + 'runtime = "written_new:define_tables"\n')

        _, report = project.check(dialect)
        left = {(mark.code, mark.place) for mark in marks(report, "error", "warning")}
        assert {code for code, _ in left - UNWRITTEN} <= LEFT, (name, report)
