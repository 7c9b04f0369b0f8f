"""The forms of a report, and the exit codes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest

from bilayer.drift.findings import CATALOGUE, Finding
from bilayer.drift.report import Failure, Report
from bilayer.drift.report.json import read_json

ERROR = Finding(
    code="BL204",
    name="type-mismatch",
    severity="error",
    pair="models-runtime",
    table="users",
    column="id",
    message="users.id: <b>100%</b>, text: over\nlines",
    left="UUID",
    right="string(512)",
    location="app/dal/tables/accounts.py:41",
    fix='Field("id", "uuid"),',
    engine="sqlite",
)
WARNING = Finding(
    code="BL101",
    name="library-hidden",
    severity="warning",
    pair="setup",
    table=None,
    column=None,
    message="hidden",
    location="/elsewhere/alembic/__init__.py:1",
)
REPORT = Report.of(
    [WARNING, ERROR], failures=[Failure("models", "no")], not_done=["x"], engines=["sqlite"]
)

# The parts of https://json.schemastore.org/sarif-2.1.0.json that this log uses.
SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {"driver": {"type": "object", "required": ["name", "rules"]}},
                    },
                    "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
                    "invocations": {
                        "type": "array",
                        "items": {"type": "object", "required": ["executionSuccessful"]},
                    },
                },
            },
        },
    },
    "$defs": {
        "result": {
            "type": "object",
            "required": ["message", "ruleId", "ruleIndex", "level"],
            "properties": {
                "level": {"enum": ["none", "note", "warning", "error"]},
                "message": {"type": "object", "required": ["text"]},
                "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}},
            },
        },
        "location": {
            "type": "object",
            "properties": {
                "physicalLocation": {
                    "type": "object",
                    "required": ["artifactLocation", "region"],
                    "properties": {
                        "artifactLocation": {
                            "properties": {"uri": {"type": "string", "pattern": "^[^\\\\ ]+$"}}
                        },
                        "region": {"properties": {"startLine": {"type": "integer", "minimum": 1}}},
                    },
                }
            },
        },
    },
}


def test_errors_stand_first() -> None:
    assert REPORT.findings == (ERROR, WARNING)
    assert (REPORT.errors, REPORT.warnings) == ((ERROR,), (WARNING,))


@pytest.mark.parametrize(
    ("findings", "failures", "codes"),
    [
        ([], [], (0, 0)),
        ([WARNING], [], (0, 1)),
        ([ERROR], [], (1, 1)),
        ([ERROR], [Failure("models", "no")], (2, 2)),
        ([], [Failure("models", "no")], (2, 2)),
    ],
)
def test_exit_code(
    findings: list[Finding], failures: list[Failure], codes: tuple[int, int]
) -> None:
    report = Report.of(findings, failures=failures)

    assert (report.exit_code, report.exit_code_for("warning")) == codes
    assert report.ok == (ERROR not in findings)


def test_text_names_everything() -> None:
    text = REPORT.to_text(width=100)

    for part in (
        "error BL204 type-mismatch", "app/dal/tables/accounts.py:41", "models: UUID",
        "runtime: string(512)", 'Field("id", "uuid"),', "could not read models: no",
        "not done x", "1 error, 1 warning, 0 info on sqlite; 1 source could not be read",
    ):  # fmt: skip
        assert part in text


def test_text_fits_a_narrow_terminal_and_keeps_paths_whole() -> None:
    lines = REPORT.to_text(width=40).splitlines()

    too_long = [line for line in lines if len(line) > 40]
    assert all("accounts.py:41" in line or "/elsewhere/" in line for line in too_long)


def test_text_has_no_spaces_at_the_ends_of_lines() -> None:
    assert not [line for line in REPORT.to_text(width=60).split("\n") if line.endswith(" ")]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_terminal_is_shown_a_table_that_fits(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    text = re.sub(r"\x1b\[[\d;]*m", "", REPORT.to_text(width=width, color=True))

    (head,) = (line for line in text.splitlines() if line.startswith("sources"))
    assert head.split() == ["sources", "error", "warning", "info"]
    assert len(head) <= width
    assert "sources  " not in REPORT.to_text(width=width)


def test_no_color_forbids_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[1;31m" in REPORT.to_text(width=80, color=True)

    monkeypatch.setenv("NO_COLOR", "1")

    assert not re.search(r"\x1b\[[\d;]*3\dm", REPORT.to_text(width=80, color=True))


def test_json_can_be_read_back() -> None:
    document = json.loads(REPORT.to_json())

    assert document["exit_code"] == 2
    assert document["counts"] == {"error": 1, "warning": 1, "info": 0}
    assert read_json(REPORT.to_json()) == REPORT


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"findings": [{}]}'])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no report"):
        read_json(text)


def test_sarif_has_the_structure_of_2_1_0() -> None:
    document = json.loads(REPORT.to_sarif())

    jsonschema.validate(document, SARIF)
    run = document["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["BL101", "BL204"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "app/dal/tables/accounts.py"
    assert place["region"]["startLine"] == 41
    assert run["invocations"][0]["executionSuccessful"] is False


def test_github_lines_are_escaped() -> None:
    lines = REPORT.to_github().splitlines()

    assert lines[0].startswith(
        "::error file=app/dal/tables/accounts.py,line=41,title=BL204 type-mismatch::"
    )
    assert "100%25" in lines[0]
    assert "over%0Alines" in lines[0]
    assert len(lines) == 4


def test_what_engines_have_in_common_stands_once() -> None:
    one = Report.of([ERROR], engines=["sqlite"])
    two = Report.of([replace(ERROR, engine="mysql", fix="other"), WARNING], engines=["mysql"])

    merged = Report.merge([one, two])

    assert [(f.code, f.engine) for f in merged.findings] == [
        ("BL204", "sqlite, mysql"), ("BL101", ""),
    ]  # fmt: skip
    assert merged.engines == ("sqlite", "mysql")
    assert merged.findings[0].fix == ERROR.fix


def test_catalogue_is_whole() -> None:
    names = [rule.name for rule in CATALOGUE.values()]

    assert len(set(names)) == len(names)
    for code, rule in CATALOGUE.items():
        assert re.fullmatch(r"BL[1-7]\d\d", code)
        assert rule.explanation.endswith(".")
        assert rule.example


def test_engine_that_was_checked_in_part_is_not_claimed() -> None:
    whole = Report.of([], engines=["sqlite"])
    part = Report.of([], not_done=["x"], engines=["mysql"], partly=["mysql"])

    report = read_json(Report.merge([whole, part]).to_json())

    assert "on sqlite; partly on mysql (see what was not done)" in report.to_text(width=100)
    assert "partly on mysql" in report.to_html()
