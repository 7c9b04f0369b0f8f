"""What others build on: the schema of reports, the hooks, the examples of the README."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from bilayer.cli import main
from bilayer.drift.findings import Finding
from bilayer.drift.report import Failure, Report
from bilayer.drift.report.json import read_schema

ROOT = Path(__file__).parents[3]
README = ROOT / "packages" / "bilayer" / "README.md"

FINDING = Finding(
    code="BL204",
    name="type-mismatch",
    severity="error",
    pair="revisions",
    table="users",
    column=None,
    message="differs",
)


def is_valid(document: Any) -> bool:
    schema = json.loads(read_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema).is_valid(document)


def test_reports_are_as_their_schema_says() -> None:
    report = Report.of(
        [FINDING],
        failures=[Failure("models", "gone")],
        not_done=["x"],
        engines=["mysql"],
        partly=["mysql"],
    )
    document = json.loads(report.to_json())

    assert is_valid(document)
    assert is_valid(json.loads(Report().to_json()))
    assert not is_valid(document | {"findings": [{"code": "BL204"}]})
    assert not is_valid(document | {"exit_code": 3})


def test_schema_names_every_field() -> None:
    schema = json.loads(read_schema())

    assert schema["properties"].keys() == json.loads(Report().to_json()).keys()
    assert list(schema["$defs"]["finding"]["properties"]) == list(Finding.__dataclass_fields__)


def test_schema_is_printed_without_a_report() -> None:
    answer = CliRunner().invoke(main, ["report", "--schema"])

    assert answer.exit_code == 0
    assert json.loads(answer.stdout) == json.loads(read_schema())


def entries() -> list[str]:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    examples = [
        yaml.safe_load(text)
        for text in re.findall(r"```yaml\n(.*?)```", README.read_text(), flags=re.DOTALL)
    ]
    configured = [
        hook for each in examples for repo in each.get("repos", ()) for hook in repo["hooks"]
    ]
    steps = [
        step["run"]
        for each in examples
        for job in each.get("jobs", {}).values()
        for step in job["steps"]
        if "run" in step
    ]
    commands = [hook["entry"] for hook in (*hooks, *configured)] + steps
    return [command for command in commands if command.startswith("bilayer")]


@pytest.mark.parametrize("entry", entries())
def test_commands_of_hooks_and_examples_exist(entry: str) -> None:
    words = shlex.split(entry)[1:]
    options = [word for word in words if word.startswith("--")]

    answer = CliRunner().invoke(main, [words[0], "--help"])

    assert answer.exit_code == 0
    assert all(option in answer.stdout for option in options)
