"""The report as one HTML page: no network, no other file, readable on a phone.

Each table of the schema is a section with its findings side by side; a small script filters by
severity and by name. Without scripts everything is shown.
"""

from __future__ import annotations

import difflib
import re
from html import escape
from importlib import resources
from itertools import groupby
from typing import Final

from bilayer.drift.findings import CATALOGUE, Finding
from bilayer.drift.report.model import Report

_SEVERITIES: Final = ("error", "warning", "info")


def write_html(report: Report) -> str:
    """Write the page."""
    assets = resources.files("bilayer.drift.report")
    style = assets.joinpath("page.css").read_text(encoding="utf-8")
    script = assets.joinpath("page.js").read_text(encoding="utf-8")
    body = "\n".join([_write_head(report), _write_tools(report), _write_tables(report)])
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Schema drift: {len(report.errors)} errors</title>\n<style>\n{style}</style>\n"
        f"</head>\n<body>\n{body}\n<script>\n{script}</script>\n</body>\n</html>\n"
    )


def _write_head(report: Report) -> str:
    verdict = {0: "No drift that breaks", 1: "The layers drift"}.get(
        report.exit_code, "Not everything could be read"
    )
    lines = [
        f'<header class="exit{report.exit_code}">',
        f"<h1>{verdict}</h1>",
        f"<p>Compared {escape(report.name_engines())}.</p>",
    ]
    notes = [("Could not read", str(failure)) for failure in report.failures]
    notes += [("Not done", text) for text in report.not_done]
    if notes:
        items = "".join(f"<li><b>{what}:</b> {escape(text)}</li>" for what, text in notes)
        lines.append(f"<ul>{items}</ul>")
    return "\n".join([*lines, "</header>"])


def _write_tools(report: Report) -> str:
    counts = dict.fromkeys(_SEVERITIES, 0)
    for finding in report.findings:
        counts[finding.severity] += 1
    boxes = "".join(
        f'<label class="{name}"><input type="checkbox" name="severity" value="{name}" checked>'
        f"<b>{counts[name]}</b> {name}{'' if counts[name] == 1 or name == 'info' else 's'}</label>"
        for name in _SEVERITIES
    )
    return (
        f'<form id="tools" hidden>{boxes}'
        '<input type="search" name="search" placeholder="Table or column" aria-label="Filter by'
        ' table or column"></form>\n<p id="none" hidden>Nothing matches the filter.</p>'
    )


def _write_tables(report: Report) -> str:
    by_table = sorted(report.findings, key=lambda finding: finding.table or "")
    sections = [
        _write_table(name, list(group))
        for name, group in groupby(by_table, key=lambda finding: finding.table or "")
    ]
    return "<main>\n" + "\n".join(sections) + "\n</main>"


def _write_table(name: str, findings: list[Finding]) -> str:
    title = escape(name) if name else "Set-up"
    rows = "\n".join(_write_finding(finding) for finding in findings)
    return f"<section>\n<h2>{title}</h2>\n{rows}\n</section>"


def _write_finding(finding: Finding) -> str:
    rule = CATALOGUE[finding.code]
    opening = (
        f'<article class="{finding.severity}" data-severity="{finding.severity}"'
        f' data-place="{escape(finding.place.lower())}">'
    )
    title = (
        f'<h3><span class="tag">{finding.severity}</span> {escape(finding.column or "")}'
        f" <small>{finding.code} {finding.name}</small></h3>"
    )
    parts = [opening, title, f"<p>{escape(finding.message)}</p>", _write_sides(finding)]
    where = [finding.pair, finding.engine or "", finding.location or ""]
    parts.append(
        '<p class="where">' + " · ".join(f"<span>{escape(each)}</span>" for each in where if each)
    )
    if finding.fix:
        parts.append(f"<pre>{escape(finding.fix)}</pre>")
    parts.append(f"<details><summary>Why it matters</summary>{escape(rule.explanation)}</details>")
    return "\n".join([*parts, "</article>"])


def _write_sides(finding: Finding) -> str:
    """Write both sides next to each other, with what differs marked."""
    if finding.left is None and finding.right is None:
        return ""
    names = finding.pair.split("-") if finding.pair != "setup" else ["expected", "found"]
    left, right = _mark(finding.left or "", finding.right or "")
    return (
        f'<div class="sides"><div><h4>{names[0]}</h4>{left or "&ndash;"}</div>'
        f"<div><h4>{names[1]}</h4>{right or '&ndash;'}</div></div>"
    )


def _mark(left: str, right: str) -> tuple[str, str]:
    """Mark the words that only one side has."""
    one_words, two_words = re.findall(r"\w+|\W", left), re.findall(r"\w+|\W", right)
    matcher = difflib.SequenceMatcher(a=one_words, b=two_words, autojunk=False)
    lefts, rights = [], []
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        one = escape("".join(one_words[start:end]))
        two = escape("".join(two_words[other_start:other_end]))
        if tag == "equal":
            lefts.append(one)
            rights.append(two)
            continue
        lefts.append(f"<mark>{one}</mark>" if one else "")
        rights.append(f"<mark>{two}</mark>" if two else "")
    return "".join(lefts), "".join(rights)
