"""``bilayer explain``: the catalogue of findings."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Sequence
from typing import Final

import click

from bilayer.drift.findings import CATALOGUE, Rule


@click.command(epilog="Exit codes: 0 done; 1 no finding has that code; 2 the command is wrong.")
@click.argument("code")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "markdown"]),
    default="text",
    show_default=True,
    help="How to write the explanation.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
def explain(code: str, form: str) -> None:
    """Explain a finding's CODE: what it means, why it matters, an example.

    \b
    Examples:
      bilayer explain BL204
      bilayer explain all
      bilayer explain all --format markdown > docs/drift-codes.md
    """
    names = {rule.name: rule for rule in CATALOGUE.values()} | CATALOGUE
    if code != "all" and code.upper() not in names and code not in names:
        message = f"no finding is called {code}; `bilayer explain all` lists them"
        raise click.ClickException(message)
    rules = list(CATALOGUE.values()) if code == "all" else [names.get(code) or names[code.upper()]]
    if form == "json":
        click.echo(json.dumps([dataclasses.asdict(rule) for rule in rules], indent=2))
        return
    if form == "markdown":
        click.echo(_write_page(rules), nl=False)
        return
    click.echo("\n\n".join(_write_rule(rule) for rule in rules))


def _write_rule(rule: Rule) -> str:
    title = f"{rule.code} {rule.name} ({rule.severity} at worst)"
    wrapped = click.wrap_text(rule.explanation, width=88)
    return f"{title}\n\n{wrapped}\n\nExample: {rule.example}"


_INTRODUCTION: Final = (
    "Written by `bilayer explain all --format markdown` from the catalogue in the code. The"
    " severity is the worst a code can have; each finding says its own, its place, and the fix"
    " where there is one. [drift.md](drift.md) says how to run the check."
)
_CHAPTERS: Final = {
    "BL1": "Set-up",
    "BL2": "Tables and columns",
    "BL3": "Keys, constraints and indexes",
    "BL4": "How stock PyDAL adapters store values",
    "BL5": "Values that were written and read",
    "BL6": "Revisions, before they run",
    "BL7": "Revisions, rehearsed",
}


def _write_page(rules: Sequence[Rule]) -> str:
    """Write the page of codes: what each means, a chapter for each hundred."""
    parts = [
        "# What the drift check can find",
        _INTRODUCTION,
    ]
    for chapter, group in itertools.groupby(rules, key=lambda rule: rule.code[:3]):
        parts.append(f"## {_CHAPTERS.get(chapter, chapter)}")
        parts += [_write_entry(rule) for rule in group]
    return "\n\n".join(parts) + "\n"


def _write_entry(rule: Rule) -> str:
    return (
        f"### {rule.code} {rule.name}\n\n**{rule.severity}.** {_escape(rule.explanation)}\n\n"
        f"For example:\n\n```\n{rule.example}\n```"
    )


def _escape(text: str) -> str:
    """Keep what stands outside of code from being taken for marks."""
    parts = text.split("`")
    plain = [re.sub(r"([_*<|])", r"\\\1", part) for part in parts[::2]]
    return "`".join(
        each
        for pair in itertools.zip_longest(plain, parts[1::2])
        for each in pair
        if each is not None
    )
