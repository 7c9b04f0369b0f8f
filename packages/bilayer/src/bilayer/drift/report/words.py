"""Words that the reports for people share: what a pair is about, and names nobody could see."""

from __future__ import annotations

import re
from typing import Final

from bilayer.drift.findings import Pair

# Controls and lone surrogates no page can hold, and marks that turn the direction of what follows.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)
MEANINGS: Final[dict[Pair, str]] = {
    "setup": "mistakes that break the application, or make a check worthless",
    "models-migrations": "a revision is missing, or does something else than the models say",
    "models-runtime": "the two layers drift: a query will fail, or be blind to a column",
    "migrations-database": "this database is not what its revisions make",
    "runtime-database": "what would fail on this very server",
    "revisions": "what revisions lock, break, or cannot undo",
}
"""What a difference between two sources means, in the order in which they are best mended."""


def show_unseen(text: str) -> str:
    """Write what cannot be seen as Python would write it; line ends and tabs stay."""
    return _UNSEEN.sub(_show, text)


def _show(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - one byte
