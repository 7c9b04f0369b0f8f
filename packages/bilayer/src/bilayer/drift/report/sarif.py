"""The report as SARIF 2.1.0.

Format: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from bilayer.drift.findings import CATALOGUE, Finding, Rule
from bilayer.drift.report.model import Report

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {"error": "error", "warning": "warning", "info": "note"}


def write_sarif(report: Report) -> str:
    """Write a SARIF log with one run."""
    codes = sorted({finding.code for finding in report.findings})
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "bilayer",
                "rules": [_describe_rule(CATALOGUE[code]) for code in codes],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_describe(finding, codes) for finding in report.findings],
        "invocations": [
            {
                "executionSuccessful": not report.failures,
                "exitCode": report.exit_code,
                "toolExecutionNotifications": [
                    *(_notify("error", str(failure)) for failure in report.failures),
                    *(_notify("note", f"not done: {text}") for text in report.not_done),
                ],
            }
        ],
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _describe_rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.name.replace("-", " ")},
        "fullDescription": {"text": rule.explanation},
        "help": {"text": f"{rule.explanation}\n\nExample: {rule.example}"},
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _describe(finding: Finding, codes: list[str]) -> dict[str, Any]:
    text = finding.message if not finding.fix else f"{finding.message}\n\nFix:\n{finding.fix}"
    key = "/".join((finding.code, finding.pair, finding.place, finding.left or ""))
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": _LEVELS[finding.severity],
        "message": {"text": text},
        "partialFingerprints": {"bilayer/v1": hashlib.sha256(key.encode()).hexdigest()},
        "properties": {
            "pair": finding.pair,
            "table": finding.table,
            "column": finding.column,
            "left": finding.left,
            "right": finding.right,
            "engine": finding.engine,
        },
    }
    location = _locate(finding)
    return result | {"locations": [location]} if location else result


def _locate(finding: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if finding.location:
        path, _, line = finding.location.rpartition(":")
        is_absolute = PurePath(path).is_absolute()
        uri = PurePath(path).as_uri() if is_absolute else quote(path)
        location["physicalLocation"] = {
            "artifactLocation": {"uri": uri},
            "region": {"startLine": max(int(line), 1)},
        }
    if finding.place:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.place, "kind": "member"}]
    return location


def _notify(level: str, text: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": text}}
