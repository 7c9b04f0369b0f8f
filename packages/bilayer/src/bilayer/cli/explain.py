"""``bilayer explain``: the catalogue of findings."""

from __future__ import annotations

import dataclasses
import json

import click

from bilayer.drift.findings import CATALOGUE, Rule


@click.command(epilog="Exit codes: 0 done; 1 no finding has that code; 2 the command is wrong.")
@click.argument("code")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
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
    """
    names = {rule.name: rule for rule in CATALOGUE.values()} | CATALOGUE
    if code != "all" and code.upper() not in names and code not in names:
        message = f"no finding is called {code}; `bilayer explain all` lists them"
        raise click.ClickException(message)
    rules = list(CATALOGUE.values()) if code == "all" else [names.get(code) or names[code.upper()]]
    if form == "json":
        click.echo(json.dumps([dataclasses.asdict(rule) for rule in rules], indent=2))
        return
    click.echo("\n\n".join(_write_rule(rule) for rule in rules))


def _write_rule(rule: Rule) -> str:
    title = f"{rule.code} {rule.name} ({rule.severity} at worst)"
    wrapped = click.wrap_text(rule.explanation, width=88)
    return f"{title}\n\n{wrapped}\n\nExample: {rule.example}"
