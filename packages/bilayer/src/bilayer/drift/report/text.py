"""The report for a terminal, by rich; reads well in forty columns too."""

from __future__ import annotations

import io
from collections import Counter
from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bilayer.drift.findings import Finding
from bilayer.drift.kinds import Severity
from bilayer.drift.report.model import Report

_STYLES: Final[dict[Severity, str]] = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def write_text(report: Report, *, width: int | None = None, color: bool = False) -> str:
    """Write the report.

    Args:
        report: What was found.
        width: Columns of the terminal; ``None`` asks the terminal.
        color: Write for a terminal: colours, unless NO_COLOR forbids them, and a table of counts.
    """
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=width,
        force_terminal=color,
        no_color=None if color else True,
        highlight=False,
    )
    for finding in report.findings:
        _write_finding(console, finding, is_alone=len(report.engines) <= 1)
    for failure in report.failures:
        console.print(f"[bold red]could not read[/] {escape(str(failure))}")
    for text in report.not_done:
        console.print(f"[cyan]not done[/] {escape(text)}")
    if color and len({finding.pair for finding in report.findings}) > 1:
        console.print(_tabulate(report))
    console.print(_summarize(report), style="bold green" if report.exit_code == 0 else "bold red")
    # rich fills each line up to the width.
    return "\n".join(line.rstrip(" ") for line in buffer.getvalue().split("\n"))


def _write_finding(console: Console, finding: Finding, *, is_alone: bool) -> None:
    title = Text.assemble(
        (finding.severity, _STYLES[finding.severity]),
        " ",
        (f"{finding.code} {finding.name}", "bold"),
        f"  {finding.pair}" + ("" if is_alone else f"  [{finding.engine}]"),
    )
    console.print(title)
    if finding.location:
        # A path that is broken over two lines cannot be clicked.
        console.print(Text(f"  {finding.location}", style="blue", no_wrap=True), soft_wrap=True)
    console.print(Padding(Text(finding.message), (0, 0, 0, 2)))
    if finding.left or finding.right:
        left, right = finding.pair.split("-") if "-" in finding.pair else ("found", "found")
        for name, side in ((left, finding.left), (right, finding.right)):
            if side:
                console.print(Padding(Text(f"{name}: {side}", style="dim"), (0, 0, 0, 2)))
    if finding.fix:
        console.print(Padding(Text(finding.fix, style="green"), (0, 0, 0, 4)), soft_wrap=True)
    console.print()


def _tabulate(report: Report) -> Table:
    """Count what each pair of sources differs in; for people only, programs read the findings."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("sources", overflow="fold")
    for severity, style in _STYLES.items():
        table.add_column(severity, justify="right", style=style)
    counts = Counter((finding.pair, finding.severity) for finding in report.findings)
    for pair in dict.fromkeys(finding.pair for finding in report.findings):
        numbers = [counts[pair, severity] for severity in _STYLES]
        table.add_row(pair, *(str(number) if number else "" for number in numbers))
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
