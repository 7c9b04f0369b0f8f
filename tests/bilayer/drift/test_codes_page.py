"""The page of codes is what the code says, and can be reached."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from bilayer.cli import main
from bilayer.drift.findings import CATALOGUE

DOCS = Path(__file__).parents[3] / "docs"


def test_page_is_current() -> None:
    written = CliRunner().invoke(main, ["explain", "all", "--format", "markdown"])

    page = (DOCS / "drift-codes.md").read_text(encoding="utf-8")
    assert page == written.stdout, "bilayer explain all --format markdown > docs/drift-codes.md"
    assert all(f"### {code} {rule.name}\n" in page for code, rule in CATALOGUE.items())


def test_page_can_be_reached() -> None:
    assert "(drift-codes.md)" in (DOCS / "drift.md").read_text(encoding="utf-8")
