"""One spelling for texts that engines and people write in several: defaults and expressions.

Both sides come from the same engine, so only what an engine itself leaves undecided is evened
out: the case of words, redundant parentheses, quotes of names, synonyms of the clock.
"""

from __future__ import annotations

import contextlib
import decimal
import json
import re
from collections.abc import Callable, Iterable
from typing import Final

_CLOCK: Final = re.compile(
    r"(?:now\(\)|transaction_timestamp\(\)|current_timestamp(?:\(\))?|localtimestamp(?:\(\))?)"
)
_CAST: Final = re.compile(r'::(?:"[^"]+"|[a-z_][a-z0-9_. ]*)(?:\(\d+(?:,\s*\d+)?\))?(?:\[\])*')
# The casts PostgreSQL adds to texts that it compares.
_TEXT_CAST: Final = re.compile(r"::(?:text|character varying|varchar|bpchar)(?:\(\d+\))?(?:\[\])?")
_STRING: Final = re.compile(r"'(?:[^']|'')*'")
_NUMERIC: Final = frozenset({"integer", "float", "numeric", "boolean"})
_TRUTH: Final = {"true": "1", "false": "0", "t": "1", "f": "0"}


def canonical_default(text: str | None, family: str) -> str | None:
    """Write a server default in one form; ``None`` for no default or NULL."""
    if text is None:
        return None
    written = _outside_strings(text.strip(), _plain_words)
    written = strip_parentheses(written)
    if written == "null":
        return None
    constant = unquote(written)
    if constant is None:
        constant = written if family in _NUMERIC else None
    if constant is not None and family in _NUMERIC:
        return _canonical_number(constant)
    return _CLOCK.sub("current_timestamp", written)


def constant_default(text: str | None, family: str) -> str | None:
    """Tell the constant a server default stands for; ``None`` if it is computed or absent."""
    written = canonical_default(text, family)
    if written is None:
        return None
    quoted = unquote(written)
    if quoted is not None:
        return quoted
    return written if re.fullmatch(r"-?[\d.]+", written) else None


def canonical_constant(text: str, family: str) -> str:
    """Write a PyDAL default so that it compares with ``constant_default``."""
    if family == "json":
        with contextlib.suppress(ValueError):
            return json.dumps(json.loads(text), sort_keys=True)
    return _canonical_number(text) if family in _NUMERIC else text


def canonical_expression(text: str) -> str:
    """Write a check or a generated expression in one form."""
    written = _outside_strings(text.strip(), lambda part: re.sub(r'[`"]', "", part).lower())
    written = _outside_strings(written, lambda part: _TEXT_CAST.sub("", part))
    written = _outside_strings(written, lambda part: re.sub(r"\s+", " ", part))
    written = _outside_strings(written, lambda part: re.sub(r"\s*([(),<>=!+*/-])\s*", r"\1", part))
    return _flatten(_unnest(written.strip()))


def canonical_index(text: str) -> str:
    """Write an index definition in one form; ascending order is what is left unsaid."""
    written = _outside_strings(text, lambda part: re.sub(r'[`"]', "", part).lower())
    columns, *condition = split_at(written, "where")
    columns = _outside_strings(
        columns, lambda part: re.sub(r"\s+asc\b|\s*([=<>!]+|[(),])\s*", r"\1", part)
    )
    columns = re.sub(r"\s+", " ", columns).strip()
    return " where ".join([columns, *map(canonical_expression, condition)])


def _flatten(text: str) -> str:
    """Take off the parentheses around the parts of AND and OR that say nothing."""
    text = strip_parentheses(text)
    alternatives = split_at(text, "or")
    if len(alternatives) > 1:
        return " or ".join(map(_flatten, alternatives))
    parts = split_at(text, "and")
    if len(parts) == 1:
        return text
    flat = map(_flatten, parts)
    return " and ".join(f"({part})" if len(split_at(part, "or")) > 1 else part for part in flat)


def _unnest(text: str) -> str:
    """Take off the parentheses around one name or text, and those around other parentheses."""
    opened: list[int] = []
    closing: dict[int, int] = {}
    for position, letter in enumerate(_mask(text)):
        if letter == "(":
            opened.append(position)
        elif letter == ")" and opened:
            closing[opened.pop()] = position
    inner = [(start + 1, end - 1) for start, end in closing.items()]
    bare = _without(text, (pair for pair in inner if closing.get(pair[0]) == pair[1]))
    single = re.finditer(r"(?<![\w)\]])\(\w+\)", _mask(bare))
    return _without(bare, ((match.start(), match.end() - 1) for match in single))


def _without(text: str, pairs: Iterable[tuple[int, int]]) -> str:
    """Take off parentheses by their places."""
    needless = {place for pair in pairs for place in pair}
    return "".join(letter for place, letter in enumerate(text) if place not in needless)


def split_at(text: str, word: str) -> list[str]:
    """Split at a word that stands in no parentheses and no string."""
    masked = _mask(text)
    parts: list[str] = []
    begin = 0
    for match in re.finditer(rf"\b{word}\b", masked):
        before = masked[: match.start()]
        if before.count("(") == before.count(")"):
            parts.append(text[begin : match.start()].strip())
            begin = match.end()
    return [*parts, text[begin:].strip()]


def strip_parentheses(text: str) -> str:
    """Take off the pairs of parentheses that enclose the whole text."""
    while text.startswith("(") and _closing(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def unquote(text: str) -> str | None:
    """Give the content of a text that is one string literal, else ``None``."""
    if _STRING.fullmatch(text):
        return text[1:-1].replace("''", "'")
    return None


def _plain_words(part: str) -> str:
    return re.sub(r"\s+", " ", _CAST.sub("", part.lower()))


def _canonical_number(text: str) -> str:
    text = _TRUTH.get(text.lower(), text)
    try:
        number = decimal.Decimal(text)
    except decimal.InvalidOperation:
        return text
    return f"{number.normalize():f}" if number.is_finite() else text


def _outside_strings(text: str, change: Callable[[str], str]) -> str:
    """Apply ``change`` to the parts that are no string literal."""
    parts: list[str] = []
    end = 0
    for match in _STRING.finditer(text):
        parts += [change(text[end : match.start()]), match.group()]
        end = match.end()
    return "".join([*parts, change(text[end:])])


def _mask(text: str) -> str:
    """Cover string literals, so that what they hold is taken for nothing else."""
    return _STRING.sub(lambda match: "_" * len(match.group()), text)


def _closing(text: str) -> int:
    """Find the parenthesis that closes the first one, past string literals."""
    masked = _mask(text)
    depth = 0
    for position, letter in enumerate(masked):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return position
    return -1
