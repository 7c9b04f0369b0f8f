"""What a revision declares about itself: ``# bilayer: safe[rule] reason``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

_SAFE: Final = re.compile(r"#\s*bilayer:\s*safe\[([\w\s,-]+)\]\s*(\S.*)?$")


def declares(lines: Iterable[str], rules: Collection[str]) -> bool:
    """Tell whether one of the lines calls one of the rules safe, and says why.

    Without a reason it says nothing to whoever comes next, and does not count.
    """
    found = (match for line in lines if (match := _SAFE.search(line)) and match[2])
    return any(name.strip() in rules for match in found for name in match[1].split(","))


def read_lines(path: str) -> tuple[str, ...]:
    """Read the lines of a revision."""
    return tuple(Path(path).read_text(encoding="utf-8", errors="replace").split("\n"))
