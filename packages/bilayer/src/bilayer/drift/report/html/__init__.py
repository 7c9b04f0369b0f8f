"""The report as one HTML page: no network, no other file, readable on a phone and without scripts.

Each table of the schema has its sources side by side, with links from what differs to the findings
below. A small script filters by severity, by engine and by name, copies fixes, and scales the
picture.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Mapping
from importlib import resources

from bilayer.drift.findings import Finding
from bilayer.drift.report.html.cards import write_card, write_codes
from bilayer.drift.report.html.grid import SOURCES, Grid, make_grid
from bilayer.drift.report.html.markup import SIGNS, anchors, count, name, tally, text
from bilayer.drift.report.html.picture import write_picture
from bilayer.drift.report.html.tables import write_section
from bilayer.drift.report.model import Report

__all__ = ["write_html"]


def write_html(report: Report) -> str:
    """Write the page; the same report gives the same page."""
    grid = make_grid(report)
    links = anchors("table", [section.name for section in grid.sections])
    body = "\n".join(
        [
            '<a class="skip" href="#tables">Skip to the tables</a>',
            _write_head(report, grid),
            '<div class="page">',
            _write_index(grid, links),
            "<main>",
            _write_tools(report),
            _write_general(grid),
            write_picture(grid, links),
            _write_tables(grid, links),
            write_codes(report.findings),
            "</main></div>",
        ]
    )
    assets = resources.files("bilayer.drift.report.html")
    style = assets.joinpath("page.css").read_text(encoding="utf-8")
    script = assets.joinpath("page.js").read_text(encoding="utf-8")
    # Nothing but this very style and script may load or run, whatever a name tries to slip in.
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}';"
        " base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>bilayer: {_judge(report)}</title>\n<style>{style}</style>\n"
        f"</head>\n<body>\n{body}\n<script>{script}</script>\n</body>\n</html>\n"
    )


def _hash(code: str) -> str:
    digest = hashlib.sha256(code.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _judge(report: Report) -> str:
    """Say the outcome in a few words, of a check or of revisions."""
    if report.failures:
        return "Not everything could be read"
    if report.errors:
        return "Something breaks"
    return "No errors, but differences" if report.findings else "Nothing to mend"


def _write_head(report: Report, grid: Grid) -> str:
    counts = _count_findings(report) or f'<span class="c">{count(0, "finding")}</span>'
    pairs = _count_pairs(report)
    lines = [
        f'<header class="exit{report.exit_code}"><h1>{_judge(report)}</h1>',
        f'<p class="sum">{counts} <span>{text(report.name_engines())}</span></p>',
    ]
    if pairs:
        lines.append(f'<p class="sum">{pairs}</p>')
    if grid.sources:
        lines.append(f"<p>{_write_sources(report)}</p>")
    for title, notes in (
        ("Could not be read", [str(failure) for failure in report.failures]),
        ("Not done", list(report.not_done)),
    ):
        if notes:
            items = "".join(f"<li>{text(note)}</li>" for note in notes)
            lines.append(f'<section class="note"><h2>{title}</h2><ul>{items}</ul></section>')
    return "\n".join([*lines, "</header>"])


def _count_findings(report: Report) -> str:
    numbers: Counter[str] = Counter(finding.severity for finding in report.findings)
    return " ".join(
        f'<span class="c {severity}">{sign} {_name_number(numbers[severity], severity)}</span>'
        for severity, sign in SIGNS.items()
        if numbers[severity]
    )


def _name_number(number: int, severity: str) -> str:
    return f"{number} info" if severity == "info" else count(number, severity)


def _count_pairs(report: Report) -> str:
    """Say which sources drift from each other."""
    by_pair: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_pair.setdefault(finding.pair, []).append(finding)
    return " ".join(f"<span>{pair} {tally(found)}</span>" for pair, found in by_pair.items())


def _write_sources(report: Report) -> str:
    """Say how many tables each source has, and which source was not there."""
    written = []
    for source, title in SOURCES.items():
        read = {
            described.engine: len(getattr(described, source).tables)
            for described in report.described
            if getattr(described, source) is not None
        }
        if not read:
            written.append(f"<span>{title}: not read</span>")
            continue
        numbers = " or ".join(str(number) for number in sorted(set(read.values())))
        only = "" if len(read) == len(report.described) else f" ({', '.join(read)} only)"
        written.append(f"<span>{title}: {numbers} tables{text(only)}</span>")
    return " · ".join(written)


def _write_index(grid: Grid, links: Mapping[str, str]) -> str:
    entries = "".join(
        f'<li data-for="{links[section.name]}"><a href="#{links[section.name]}">'
        f"{name(section.name)}</a> {tally(finding for _, finding in section.findings)}</li>"
        for section in grid.sections
    )
    return (
        f'<nav aria-label="Tables"><h2>{count(len(grid.sections), "table")}</h2>'
        f"<ul>{entries}</ul></nav>"
    )


def _write_tools(report: Report) -> str:
    boxes = "".join(
        f'<label class="c {severity}"><input type="checkbox" name="severity" value="{severity}"'
        f" checked>{sign} {severity}</label>"
        for severity, sign in SIGNS.items()
    )
    engines = "".join(f"<option>{text(engine)}</option>" for engine in report.engines)
    choice = (
        f'<label>Engine <select name="engine"><option value="">all</option>{engines}</select>'
        "</label>"
        if len(report.engines) > 1
        else ""
    )
    return (
        f'<form id="tools" role="search" aria-label="Filter" hidden><fieldset><legend>Severity'
        f"</legend>{boxes}</fieldset>{choice}"
        '<label>Table or column <input type="search" name="search" autocomplete="off"></label>'
        '<label><input type="checkbox" name="differing"> only tables with findings</label>'
        '<output name="shown" aria-live="polite"></output></form>'
    )


def _write_general(grid: Grid) -> str:
    """Write what was found about no table: the set-up, and revisions."""
    if not grid.general:
        return ""
    cards = "".join(write_card(number, finding) for number, finding in grid.general)
    return (
        '<section aria-labelledby="general-title"><h2 id="general-title">Set-up</h2>'
        f'<div class="t" id="general">{cards}</div></section>'
    )


def _write_tables(grid: Grid, links: Mapping[str, str]) -> str:
    written = "\n".join(
        write_section(section, grid, links[section.name], links) for section in grid.sections
    )
    return (
        '<section id="tables" aria-labelledby="tables-title"><h2 id="tables-title">Tables, side by'
        f" side</h2>\n{written}</section>"
    )
