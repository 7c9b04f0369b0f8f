"""A finding as a card: what, both sides, where, how to mend it. And the codes, explained once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Final

from bilayer.drift.findings import CATALOGUE, Finding
from bilayer.drift.report.html.grid import SOURCES
from bilayer.drift.report.html.markup import NOTHING, SIGNS, data, name, text

_LONGEST_COMPARED: Final = 2000
"""Letters up to which the words of two sides are compared; beyond it takes too long."""


def write_card(number: int, finding: Finding) -> str:
    """Write a finding down whole."""
    place = name(finding.place) if finding.place else "Set-up"
    sign = SIGNS[finding.severity]
    title = (
        f'<h4><b class="c {finding.severity}">{sign} {finding.severity}</b> {place}'
        f' <a href="#{finding.code}">{finding.code} {text(finding.name)}</a></h4>'
    )
    facts = [finding.pair, (finding.engine or "").replace(", ", " · ")]
    where = " ".join(f"<span>{text(fact)}</span>" for fact in facts if fact)
    if finding.location:
        where += f" <code>{text(finding.location)}</code>"
    parts = [
        f'<article class="f {finding.severity}" id="f{number}" {data(finding)}>{title}',
        f"<p>{text(finding.message)}</p>{_write_sides(finding)}",
        f'<p class="w">{where}</p>',
    ]
    if finding.fix:
        fix = text(finding.fix)
        parts.append(f'<div class="x"><p>To mend it</p><pre tabindex="0">{fix}</pre></div>')
    return "".join([*parts, "</article>"])


def write_codes(findings: Iterable[Finding]) -> str:
    """Explain each code that was found, once."""
    rules = [CATALOGUE[code] for code in sorted({finding.code for finding in findings})]
    if not rules:
        return ""
    entries = "".join(
        f'<dt id="{rule.code}">{rule.code} {text(rule.name)}</dt><dd>{text(rule.explanation)}</dd>'
        for rule in rules
    )
    return (
        '<section id="codes" aria-labelledby="codes-title"><h2 id="codes-title">What the codes'
        f" mean</h2><dl>{entries}</dl></section>"
    )


def _write_sides(finding: Finding) -> str:
    """Write both sides next to each other, with the words that differ marked."""
    if finding.left is None and finding.right is None:
        return ""
    sides = finding.pair.split("-")
    names = sides if len(sides) > 1 else ["Expected", "Found"]
    left, right = _mark(finding.left or "", finding.right or "")
    written = "".join(
        f"<div><dt>{SOURCES.get(side, side)}</dt><dd>{said or NOTHING}</dd></div>"
        for side, said in zip(names, (left, right), strict=False)
    )
    return f'<dl class="b">{written}</dl>'


def _mark(left: str, right: str) -> tuple[str, str]:
    """Mark the words that only one side has."""
    if len(left) + len(right) > _LONGEST_COMPARED:
        return text(left), text(right)
    ones, others = re.findall(r"\w+|\W", left), re.findall(r"\w+|\W", right)
    matcher = difflib.SequenceMatcher(a=ones, b=others, autojunk=False)
    lefts, rights = [], []
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        one, other = text("".join(ones[start:end])), text("".join(others[other_start:other_end]))
        if tag != "equal":
            one, other = (f"<mark>{each}</mark>" if each else "" for each in (one, other))
        lefts.append(one)
        rights.append(other)
    return "".join(lefts), "".join(rights)
