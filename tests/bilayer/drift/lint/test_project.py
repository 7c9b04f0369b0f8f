"""What is judged, what is left out, and what cannot be judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bilayer.cli import main
from bilayer.drift.config import ConfigurationError, find_project
from bilayer.drift.findings import Finding
from bilayer.drift.lint.project import lint_project
from tests.bilayer.drift.lint.conftest import Lint, lint_project_of

DROP = 'op.drop_column("users", "age")'
READS = 'assert op.get_bind().execute(sa.text("SELECT 1")).scalar() == 1'


@pytest.mark.parametrize(
    "comment",
    [
        f"{DROP}  # bilayer: safe[ban-drop-column] nobody has read it since May",
        f"# bilayer: safe[BL601, BL613] nobody has read it since May\n{DROP}",
    ],
)
def test_step_that_is_declared_safe_with_a_reason_passes(lint: Lint, comment: str) -> None:
    assert lint(comment).findings == ()


@pytest.mark.parametrize(
    "comment",
    [
        f"{DROP}  # bilayer: safe[ban-drop-column]",
        f"{DROP}  # bilayer: safe[ban-drop-table] another rule",
        f"# bilayer: safe[ban-drop-column] too far away\n\n{DROP}",
    ],
)
def test_declaration_without_reason_or_of_another_rule_does_not_count(
    lint: Lint, comment: str
) -> None:
    assert [each.code for each in lint(comment).findings] == ["BL613"]


def test_revisions_that_have_run_are_left_out(lint: Lint) -> None:
    assert lint(DROP, after="aaaa00000002").findings == ()
    assert lint(DROP, after="aaaa00000001").findings != ()
    with pytest.raises(ConfigurationError, match="there is no revision cccc"):
        lint(DROP, after="cccc")


def test_merge_has_nothing_to_undo(lint: Lint) -> None:
    assert lint("pass", downgrade="pass").findings == ()


def test_only_what_a_revision_was_built_on_is_left_out(tmp_path: Path) -> None:
    versions = tmp_path / "migrations" / "versions"
    lint_project_of(tmp_path, {"second": DROP})
    text = (versions / "second.py").read_text()
    (versions / "third.py").write_text(text.replace("aaaa00000002", "bbbb00000002"))

    left = {
        after: [each.location for each in find(tmp_path, after)]
        for after in ("aaaa00000002", "bbbb00000002")
    }

    assert left == {
        "aaaa00000002": ["migrations/versions/third.py:10"],
        "bbbb00000002": ["migrations/versions/second.py:10"],
    }


def find(folder: Path, after: str) -> tuple[Finding, ...]:
    return lint_project(find_project(folder), after=after).findings


@pytest.mark.parametrize("text", ["\ufeff{}", "# one page\f\n{}"], ids=["mark", "form feed"])
def test_file_of_another_editor_is_read_by_its_lines(tmp_path: Path, text: str) -> None:
    lint_project_of(tmp_path, {"second": f"{DROP}  # bilayer: safe[BL613] nobody reads it"})
    file = tmp_path / "migrations/versions/second.py"
    file.write_text(text.format(file.read_text()).replace("\n", "\r\n"), newline="")

    assert find(tmp_path, "aaaa00000001") == ()


def test_downgrade_that_only_returns_does_nothing(lint: Lint) -> None:
    assert [each.code for each in lint('op.execute("SELECT 1")', downgrade="return").findings] == [
        "BL620"
    ]


def test_revision_that_reads_rows_is_not_judged_without_a_server(lint: Lint) -> None:
    report = lint(f"{READS}\n{DROP}")

    assert (report.findings, report.exit_code) == ((), 2)
    assert "without a --scratch-url" in str(report.failures[0])


def test_revision_that_reads_rows_is_judged_on_a_server(
    lint: Lint, engine: str, scratch_url: str | None
) -> None:
    dialect = {"mariadb": "mysql"}.get(engine, engine)

    report = lint(f"{READS}\n{DROP}", dialect, scratch_urls=(scratch_url,) if scratch_url else ())

    assert report.failures == ()
    assert "BL613" in [each.code for each in report.findings]


def test_revision_that_fails_is_told_with_its_line_and_the_rest_is_judged(lint: Lint) -> None:
    report = lint(f"{DROP}\nraise RuntimeError('no')", "sqlite")

    assert report.exit_code == 2
    assert "second.py:11" in str(report.failures[0])
    assert [each.code for each in report.findings] == ["BL613"]


def test_command_tells_codes_places_and_the_safe_way(lint: Lint, tmp_path: Path) -> None:
    lint('op.create_index("ix", "users", ["age"])')

    answer = CliRunner().invoke(main, ["lint", "--project", str(tmp_path), "--json"])

    assert answer.exit_code == 1
    (finding,) = json.loads(answer.stdout)["findings"]
    assert finding["name"] == "require-concurrent-index-creation"
    assert finding["location"] == "migrations/versions/second.py:10"
    assert "autocommit_block" in finding["fix"]


def test_project_without_migrations_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.bilayer]\n")

    answer = CliRunner().invoke(main, ["lint", "--project", str(tmp_path)])

    assert answer.exit_code == 2
    assert "names no migrations" in answer.stderr
