"""The documents of the repository, read once for the tests that hold them to their word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.architecture.sources import ROOT


@dataclass(frozen=True)
class Block:
    """A block of code in a document.

    Attributes:
        page: The document.
        line: Where it begins.
        language: What stands behind its fence.
        text: What is in it.
    """

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        """Name it as an editor opens it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """List every document that people read."""
    patterns = ("*.md", "docs/**/*.md", "packages/*/*.md", "clients/*/*.md")
    return sorted(page for pattern in patterns for page in ROOT.glob(pattern))


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """Return the blocks of code of a document."""
    text = page.read_text()
    found = re.finditer(r"^ *```([\w ]+)\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    return tuple(
        Block(page, text.count("\n", 0, match.start()) + 1, match[1], match[2]) for match in found
    )


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a document's headings, as code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return frozenset(
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings
    )


def links(page: Path) -> Iterator[tuple[str, str]]:
    """Yield target and anchor of each link of a document into the repository."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield path, anchor
