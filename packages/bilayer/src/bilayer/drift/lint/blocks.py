"""What PostgreSQL nests: comments within comments, and statements within DO blocks."""

from __future__ import annotations

import re
from typing import Final

_MARK: Final = re.compile(
    r"""(?P<text>'(?:[^']|'')*'|"[^"]*"|`[^`]*`|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|--[^\n]*)"""
    r"""|(?P<open>/\*)|(?P<close>\*/)""",
    re.DOTALL,
)

_DO: Final = re.compile(
    r"\bdo\s+(?:language\s+\w+\s+)?(?P<mark>\$\w*\$)(?P<body>.*?)(?P=mark)",
    re.DOTALL | re.IGNORECASE,
)
"""A block of PostgreSQL's, whose statements run like any other."""
_CONTROL: Final = re.compile(
    r"^(?:(?:declare|begin|else|exception|loop|(?:if|elsif|when)\b.*?\bthen"
    r"|(?:for|while)\b.*?\bloop|end(?:\s+(?:if|loop))?)(?:\s+|$))+",
    re.DOTALL | re.IGNORECASE,
)
"""The words of such a block before a statement; some are statements without it, all harmless."""


def without_nested(text: str) -> str:
    """Give a text without comments in which others stand; those of one level may stay."""
    if text.count("/*") < 2:  # noqa: PLR2004 - one comment nests in nothing
        return text
    kept: list[str] = []
    depth = start = place = 0
    while match := _MARK.search(text, place):
        place = match.end()
        if match["open"]:
            if depth == 0:
                kept.append(text[start : match.start()])
            depth += 1
        elif match["close"] and depth:
            depth -= 1
            start = place
        elif depth:
            place = match.start() + 1  # Within a comment a quote opens nothing.
    return " ".join([*kept, text[start:]]) if depth == 0 else " ".join(kept)


def open_blocks(text: str) -> str:
    """Give a text with the statements of its DO blocks in place of the blocks."""
    return _DO.sub(r"\g<body>", text)


def without_control(statement: str) -> str:
    """Take from a statement the words of a block that stand before it."""
    return _CONTROL.sub("", statement.strip())
