"""What a SQL statement makes or alters, as far as its first words tell."""

from __future__ import annotations

import re
from typing import Final

_NAMED: Final = re.compile(
    r"\b(?:TABLE|VIEW|SEQUENCE|SCHEMA|DOMAIN|ON)\s+(?:IF\s+(?:NOT\s+)?EXISTS\s+)?(?:ONLY\s+)?"
    r"(?P<name>[\w.\"`\[\]]+)",
    re.IGNORECASE,
)


def list_named(statement: str) -> list[str]:
    """List the tables and other objects a statement names, without their quotes."""
    return [re.sub(r"[\"`\[\]]", "", found.group("name")) for found in _NAMED.finditer(statement)]
