"""The report for a terminal, by rich: a section a pair of sources, and in it a part a table.

Reads well in forty columns too. What is copied from it, paths and fixes, is never broken or cut.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bilayer.drift.findings import Finding
from bilayer.drift.kinds import Severity
from bilayer.drift.report.model import Report
from bilayer.drift.report.words import MEANINGS, show_unseen

_STYLES: Final[dict[Severity, str]] = {"error": "red", "warning": "yellow", "info": "cyan"}
_BADGES: Final[dict[Severity, str]] = {
    "error": "bold white on red",
    "warning": "black on yellow",
    "info": "black on cyan",
}
_ORDER: Final[Sequence[str]] = list(MEANINGS)


def write_text(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Write the report.

    Args:
        report: What was found.
        width: Columns of the terminal; ``None`` asks the terminal.
        color: Write for a terminal: rules, a table of counts, and colours unless NO_COLOR forbids
            them. Otherwise nothing but text, the same everywhere.
    """
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width,
        force_terminal=color,
        no_color=None if color else True,
        highlight=False,
        emoji=False,
    )
    pairs: dict[str, list[Finding]] = {
        pair: [] for pair in sorted({each.pair for each in report.findings}, key=_ORDER.index)
    }
    for finding in report.findings:
        pairs[finding.pair].append(finding)
    for findings in pairs.values():
        _write_pair(console, findings, is_alone=len(report.engines) <= 1)
    for failure in report.failures:
        _write_note(console, "could not read", "bold red", str(failure))
    for note in report.not_done:
        _write_note(console, "not done", "cyan", note)
    if color and len(pairs) > 1:
        console.print(_tabulate(pairs))
    console.print(_summarize(report), style="bold green" if report.exit_code == 0 else "bold red")
    # rich fills each line up to the width.
    return "\n".join(line.rstrip(" ") for line in buffer.getvalue().split("\n"))


def _write_pair(console: Console, findings: list[Finding], *, is_alone: bool) -> None:
    """Write the differences of two sources, the tables with errors first."""
    pair = findings[0].pair
    if console.is_terminal:
        console.rule(Text(pair, style="bold"), align="left", style="dim")
    console.print(
        Text.assemble("" if console.is_terminal else f"{pair}: ", MEANINGS[pair], style="italic")
    )
    console.print()
    tables: dict[str | None, list[Finding]] = {None: []}  # first, where no heading claims them
    for finding in findings:
        tables.setdefault(finding.table, []).append(finding)
    for table, found in tables.items():
        if table is not None:
            _write_heading(console, table, found)
        for finding in found:
            _write_finding(console, finding, is_alone=is_alone)


def _write_heading(console: Console, table: str, findings: Iterable[Finding]) -> None:
    counts = Counter(finding.severity for finding in findings)
    told = ", ".join(
        f"{counts[severity]} info" if severity == "info" else _count(counts[severity], severity)
        for severity in _STYLES
        if counts[severity]
    )
    console.print(Text.assemble((_line(table), "bold underline"), (f"  {told}", "dim")))


def _write_finding(console: Console, finding: Finding, *, is_alone: bool) -> None:
    severity = finding.severity
    badge = f" {severity} " if console.is_terminal else severity
    what = Text.assemble((badge, _BADGES[severity]), " ", finding.code, " ")
    what.append(finding.name, style=f"bold {_STYLES[severity]}")
    place = Text("  ").join(
        part
        for part in (
            Text(_line(finding.place) if finding.column else "", style="bold"),
            Text("" if is_alone or not finding.engine else f"[{finding.engine}]", style="dim"),
        )
        if part
    )
    if place:
        is_long = what.cell_len + 2 + place.cell_len > console.width
        what.append("\n  " if is_long else "  ").append_text(place)
    console.print(what)
    if finding.location:
        _write_whole(console, f"  {_line(finding.location)}", "bright_blue")
    console.print(Padding(Text(show_unseen(finding.message)), (0, 0, 0, 2)))
    if finding.left or finding.right:
        console.print(Padding(_set_side_by_side(finding), (0, 0, 0, 2)))
    if finding.fix:
        for line in finding.fix.splitlines():
            _write_whole(console, f"    {show_unseen(line)}", "green")
    console.print()


def _write_whole(console: Console, line: str, style: str) -> None:
    """Write a line that is copied or clicked; only the terminal may break it."""
    console.print(Text(line, style=style, no_wrap=True), soft_wrap=True)


def _set_side_by_side(finding: Finding) -> Table:
    """Set what the two sources say side by side, or below each other where that would not fit."""
    left, right = finding.pair.split("-") if "-" in finding.pair else ("wanted", "found")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True, min_width=max(cell_len(left), cell_len(right)))
    table.add_column(overflow="fold")
    for name, side in ((left, finding.left), (right, finding.right)):
        if side:
            table.add_row(name, Text(show_unseen(side)))
    return table


def _write_note(console: Console, words: str, style: str, note: str) -> None:
    console.print(Text.assemble((words, style), " ", show_unseen(note)))


def _tabulate(pairs: dict[str, list[Finding]]) -> Table:
    """Count what each pair of sources differs in; for people only, programs read the findings."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("sources", overflow="fold")
    for severity, style in _STYLES.items():
        table.add_column(severity, justify="right", style=style)
    for pair, findings in pairs.items():
        counts = Counter(finding.severity for finding in findings)
        table.add_row(pair, *(str(counts[severity] or "") for severity in _STYLES))
    return table


def _summarize(report: Report) -> str:
    others = len(report.findings) - len(report.errors) - len(report.warnings)
    counts = (
        f"{_count(len(report.errors), 'error')}, {_count(len(report.warnings), 'warning')},"
        f" {others} info {report.name_engines()}"
    )
    if report.failures:
        return f"{counts}; {_count(len(report.failures), 'source')} could not be read"
    return counts


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _line(name: str) -> str:
    """Write a name in one line, also one that has line ends in it."""
    return show_unseen(name).replace("\n", "\\n").replace("\t", "\\t")
