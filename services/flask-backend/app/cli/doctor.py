"""``backend doctor``: what is wrong with this machine, and how to mend it."""

from __future__ import annotations

import shutil
import sys
import textwrap
from typing import TYPE_CHECKING, Any, Final

import click

from app.cli.edges import FAILED, answer, as_json
from app.config import SettingsError, get_settings

if TYPE_CHECKING:
    from app.operations.doctor import Finding, Outcome

EXIT_CODES: Final = "Exit codes: 0 done, warnings included; 1 there is a problem; 2 wrong use."
_COLOURS: Final = {
    "ok": "green",
    "warning": "yellow",
    "problem": "red",
    "skipped": "bright_black",
}

_INDENT: Final = 31
_NARROW: Final = 30


@click.command(epilog=EXIT_CODES)
@as_json
def doctor(*, is_json: bool) -> None:
    """Look at this machine: settings, database, clock, disk, ports, mail.

    Changes nothing, shows no secret, and ends within 10 seconds.

    \b
    Example:
      backend doctor --json
    """
    from app.operations.doctor import (  # noqa: PLC0415 - the whole runtime, for this command only
        Outcome,
        examine,
        examine_without_settings,
    )

    try:
        findings = examine(get_settings())
    except SettingsError as error:
        findings = examine_without_settings(str(error))
    counts = {
        outcome: sum(finding.outcome is outcome for finding in findings) for outcome in Outcome
    }
    facts = {
        "is_well": not counts[Outcome.PROBLEM],
        "counts": counts,
        "checks": [_facts(finding) for finding in findings],
    }
    answer(is_json, facts, lambda: _text(findings, counts))
    if counts[Outcome.PROBLEM]:
        raise SystemExit(FAILED)


def _facts(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "outcome": finding.outcome,
        "sentence": finding.sentence,
        "fix": finding.fix,
    }


def _text(findings: list[Finding], counts: dict[Outcome, int]) -> str:
    """Say it in lines; click takes the colours away where there is no terminal."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    lines = [line for finding in findings for line in _lines(finding, width)]
    total = ", ".join(_count(outcome, count) for outcome, count in counts.items() if count)
    return "\n".join([*lines, "", f"{len(findings)} findings: {total}."])


def _lines(finding: Finding, width: int | None) -> list[str]:
    state = click.style(f"{finding.outcome:<8}", fg=_COLOURS[finding.outcome])
    first, *rest = _wrap(finding.sentence, width)
    lines = [f"{state} {click.style(f'{finding.name:<21}', bold=True)} {first}"]
    lines += [f"{'':<{_INDENT}}{line}" for line in rest]
    if finding.fix:
        first, *rest = _wrap(finding.fix, width)
        lines += [f"{'':<{_INDENT - 3}}-> {first}", *(f"{'':<{_INDENT}}{line}" for line in rest)]
    return lines


def _wrap(text: str, width: int | None) -> list[str]:
    """Break a sentence for a terminal; elsewhere each stays a line, to be searched for."""
    if width is None:
        return [text]
    return textwrap.wrap(
        text, max(width - _INDENT, _NARROW), break_long_words=False, break_on_hyphens=False
    )


def _count(outcome: Outcome, count: int) -> str:
    has_plural = outcome in ("warning", "problem")
    return f"{count} {outcome}{'s' if has_plural and count > 1 else ''}"
