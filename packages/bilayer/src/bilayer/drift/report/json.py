"""The report as JSON, for programs; ``schema.json`` describes its fields."""

from __future__ import annotations

import dataclasses
import json
from importlib.resources import files
from typing import Any

from bilayer.drift.findings import Finding
from bilayer.drift.report.model import Failure, Report

VERSION = 1
"""Raised when a field changes its meaning; new fields do not raise it."""


def write_json(report: Report) -> str:
    """Write the report as JSON, indented, in a stable order."""
    document: dict[str, Any] = {
        "version": VERSION,
        "ok": report.ok,
        "exit_code": report.exit_code,
        "engines": list(report.engines),
        "partly": list(report.partly),
        "counts": {
            "error": len(report.errors),
            "warning": len(report.warnings),
            "info": len(report.findings) - len(report.errors) - len(report.warnings),
        },
        "findings": [dataclasses.asdict(finding) for finding in report.findings],
        "failures": [dataclasses.asdict(failure) for failure in report.failures],
        "not_done": list(report.not_done),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def read_schema() -> str:
    """Give the JSON Schema (2020-12) of what ``write_json`` writes."""
    return files(__package__).joinpath("schema.json").read_text(encoding="utf-8")


def read_json(text: str) -> Report:
    """Read a report that ``write_json`` wrote.

    Raises:
        ValueError: The text is no such report.
    """
    try:
        document = json.loads(text)
        return Report.of(
            [Finding(**item) for item in document["findings"]],
            failures=[Failure(**item) for item in document["failures"]],
            not_done=document["not_done"],
            engines=document["engines"],
            partly=document["partly"],
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        message = "the file is no report of `bilayer check --format json`"
        raise ValueError(message) from error
