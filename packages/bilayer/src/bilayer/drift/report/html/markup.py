"""Escapes what goes onto the page, and names its anchors. Everything a source says passes here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Final

from bilayer.drift.findings import Finding
from bilayer.drift.report.words import show_unseen

NOTHING: Final = "&ndash;"
SIGNS: Final = {"error": "✕", "warning": "▲", "info": "●"}
"""A sign beside each severity, for who does not see its colour."""


def text(value: object) -> str:
    """Escape a text; what cannot be seen is written as Python would write it."""
    return escape(show_unseen(str(value)))


def name(value: object) -> str:
    """Escape a name, which may run from right to left."""
    return f"<bdi>{text(value)}</bdi>"


def anchors(prefix: str, names: Iterable[str]) -> dict[str, str]:
    """Give each name an anchor: readable where the name allows, and never twice."""
    found: dict[str, str] = {}
    for number, each in enumerate(names, 1):
        plain = re.fullmatch(r"[A-Za-z_][\w.-]{0,80}", each, re.ASCII)
        found[each] = f"{prefix}-{each}" if plain else f"{prefix}-{number}"
    return found


def mark(number: int, finding: Finding, engines: int) -> str:
    """Link to a finding; one that is not of all engines says of which."""
    sign = SIGNS[finding.severity]
    found = (finding.engine or "").split(", ")
    only = f"<em> {text(', '.join(found))}</em>" if found[0] and len(found) < engines else ""
    return (
        f'<a class="m {finding.severity}" href="#f{number}" {data(finding)}>'
        f"{sign} {finding.code}<i> {finding.severity}</i>{only}</a>"
    )


def data(finding: Finding) -> str:
    """Write what the filters ask of a finding."""
    engines = text((finding.engine or "").replace(",", ""))
    return f'data-s="{finding.severity}" data-e="{engines}"'


def count(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def tally(findings: Iterable[Finding]) -> str:
    """Write how many findings there are of each severity, without those of none."""
    severities = [finding.severity for finding in findings]
    return " ".join(
        f'<span class="c {severity}">{sign} {severities.count(severity)}<i> {severity}</i></span>'
        for severity, sign in SIGNS.items()
        if severity in severities
    )
