"""The forms of a report, and the exit codes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from rich.cells import cell_len

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
        "error BL204 type-mismatch", "app/dal/tables/accounts.py:41", "models   UUID",
        "runtime  string(512)", "models-runtime: the two layers drift", "users  1 error",
        'Field("id", "uuid"),', "could not read models: no",
        "not done x", "1 error, 1 warning, 0 info on sqlite; 1 source could not be read",
    ):  # fmt: skip
        assert part in text


LONG_FIX = f'Field("id", "uuid", comment="{"x" * 200}"),\n    primarykey=["id"],'
WIDE = replace(
    ERROR, table="顧客の住所録", column="氏名とふりがなの列", fix=LONG_FIX,
    message="the length of 顧客の住所録.氏名とふりがなの列 differs",
    left="CHECK " + "(status) " * 20, engine="sqlite, postgresql", pair="models-migrations",
)  # fmt: skip
ODD = replace(
    ERROR, table="ev\x1b[31mil\nerror BL999", column="a\u202eb", message="\x1b]0;owned\x07 x",
    left="[bold]no field[/]", right="\udc80", fix="x = '\x07'", location="a\nb.py:1",
)  # fmt: skip


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("color", [False, True])
def test_text_fits_and_never_breaks_what_is_copied(width: int, color: bool) -> None:
    report = Report.of(
        [WARNING, ERROR, WIDE, ODD], not_done=["word " * 30], engines=["sqlite", "postgresql"]
    )

    lines = re.sub(r"\x1b\[[\d;]*m", "", report.to_text(width=width, color=color)).splitlines()

    copied = [f"    {line}" for line in LONG_FIX.splitlines()]
    copied += ["  app/dal/tables/accounts.py:41", "  /elsewhere/alembic/__init__.py:1"]
    assert set(copied) <= set(lines)
    assert [line for line in lines if cell_len(line) > width and line not in copied] == []


def test_text_shows_what_cannot_be_seen() -> None:
    text = Report.of([ODD], engines=["sqlite"]).to_text(width=100)

    for part in (
        "ev\\x1b[31mil\\nerror BL999.a\\u202eb", "\\x1b]0;owned\\x07",
        "[bold]no field[/]", "\\udc80", "x = '\\x07'", "a\\nb.py:1",
    ):  # fmt: skip
        assert part in text
    assert not set(text) & set("\x1b\x07\u202e\udc80")
    assert not [line for line in text.splitlines() if line.startswith("error BL999")]


def test_pairs_and_tables_have_sections() -> None:
    other = replace(ERROR, table="cards", severity="warning", pair="models-migrations")
    lost = replace(other, table=None, column=None, message="not of a table")
    text = Report.of([ERROR, WARNING, other, lost], engines=["sqlite"]).to_text(width=100)

    heads = [
        "setup: ", "models-migrations: ", "not of a table", "cards  1 warning",
        "models-runtime: ", "users  1 error",
    ]  # fmt: skip
    places = [text.index(head) for head in heads]
    assert places == sorted(places)
    assert text == Report.of([ERROR, WARNING, other, lost], engines=["sqlite"]).to_text(width=100)


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


@pytest.mark.parametrize(
    ("path", "uri", "file"),
    [
        ("a b/ü#%:x.py", "a%20b/%C3%BC%23%25%3Ax.py", "a b/ü#%25%3Ax.py"),
        ("a,b\n.py", "a%2Cb%0A.py", "a%2Cb%0A.py"),
        ("/x/é y.py", "file:///x/%C3%A9%20y.py", "/x/é y.py"),
    ],
)
def test_paths_are_written_as_each_form_wants_them(path: str, uri: str, file: str) -> None:
    report = Report.of([replace(ODD, location=f"{path}:7")], engines=["sqlite"])

    (result,) = json.loads(report.to_sarif())["runs"][0]["results"]
    (line,) = report.to_github().splitlines()

    place = result["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]) == (uri, {"startLine": 7})
    assert line.startswith(f"::error file={file},line=7,title=BL204 type-mismatch::")
    assert not set(line) & set("\x1b\x07")


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
