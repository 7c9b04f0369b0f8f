"""``backend doctor``: what is wrong with this machine, and how to mend it."""

from typing import Any, Final

import click

from app.cli.edges import FAILED, answer, as_json
from app.config import SettingsError, get_settings
from app.operations.doctor import Finding, Outcome, examine, examine_without_settings

EXIT_CODES: Final = "Exit codes: 0 done, warnings included; 1 there is a problem; 2 wrong use."
_COLOURS: Final = {
    Outcome.OK: "green",
    Outcome.WARNING: "yellow",
    Outcome.PROBLEM: "red",
    Outcome.SKIPPED: "bright_black",
}


@click.command(epilog=EXIT_CODES)
@as_json
def doctor(*, is_json: bool) -> None:
    """Look at this machine: settings, database, clock, disk, ports, mail.

    Changes nothing, shows no secret, and ends within 10 seconds.

    \b
    Example:
      backend doctor --json
    """
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
    lines = [line for finding in findings for line in _lines(finding)]
    total = ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)
    return "\n".join([*lines, "", f"{len(findings)} findings: {total}."])


def _lines(finding: Finding) -> list[str]:
    state = click.style(f"{finding.outcome:<8}", fg=_COLOURS[finding.outcome])
    line = f"{state} {click.style(f'{finding.name:<21}', bold=True)} {finding.sentence}"
    return [line, f"{'':<30} -> {finding.fix}"] if finding.fix else [line]
