"""The bytes of one record made into a value, and what in it no database could keep as it stands.

Decides about JSON only; what the values mean is in ``app.operations.importer.normalize``.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, NoReturn

from app.operations.importer.elements import MAX_RECORD_BYTES, Element, Malformed
from app.operations.importer.records import Rule
from bilayer.documents import MAX_DEPTH

MAX_KEY_CHARACTERS: Final = 1000

_SHOWN_BYTES: Final = 1000
_LARGEST: Final = 2**63
_MOST_DIGITS: Final = 20
_SUSPICIOUS: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_LONE: Final = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Flaw:
    """What is wrong inside a record.

    Attributes:
        pointer: JSON pointer from the top of the record.
        rule: What is broken.
        reason: A sentence for people.
        value: What stands there.
    """

    pointer: str
    rule: Rule
    reason: str
    value: Any


@dataclass(frozen=True, slots=True)
class _Unsuitable:
    """Stands in a parsed document for what cannot be kept."""

    rule: Rule
    reason: str
    value: Any


def parse(element: Element) -> tuple[Any, list[Flaw]]:
    """Return the value of an element, and what is wrong with it; if anything is, None as value.

    Raises:
        Malformed: It is not JSON.
    """
    if element.is_too_large:
        return None, [_too_large(element)]
    text = _decode(element)
    if element.depth > MAX_DEPTH:
        reason = f"It is nested {element.depth} levels deep; {MAX_DEPTH} can be kept."
        return None, [Flaw("", Rule.TOO_DEEP, reason, text)]
    found: list[_Unsuitable] = []
    value = _load(text, element, found)
    if not found and not _SUSPICIOUS.search(element.raw):
        return value, []
    flaws = list(_find_flaws(value))
    return (None, flaws) if flaws else (value, [])


def _too_large(element: Element) -> Flaw:
    reason = f"It has {element.size} bytes; a record has at most {MAX_RECORD_BYTES}."
    return Flaw(
        "", Rule.RECORD_TOO_LARGE, reason, element.raw[:_SHOWN_BYTES].decode(errors="replace")
    )


def _decode(element: Element) -> str:
    try:
        return element.raw.decode()
    except UnicodeDecodeError as error:
        byte = element.raw[error.start]
        where = element.offset + error.start
        raise Malformed(f"is not UTF-8: byte 0x{byte:02X} at byte {where}") from None


def _load(text: str, element: Element, found: list[_Unsuitable]) -> Any:
    """Parse a text; what cannot be kept is noted, and a mark of it stands in its place."""
    hooks = _Hooks(found, element.offset)
    try:
        return json.loads(
            text,
            object_pairs_hook=hooks.read_object,
            parse_int=hooks.read_integer,
            parse_float=hooks.read_float,
            parse_constant=hooks.refuse_constant,
        )
    except json.JSONDecodeError as error:
        where = element.offset + len(text[: error.pos].encode())
        raise Malformed(f"is not JSON: {error.msg.removesuffix(' at')} at byte {where}") from None


class _Hooks:
    """What the parser asks for each object and number."""

    def __init__(self, found: list[_Unsuitable], offset: int) -> None:
        self._found = found
        self._offset = offset

    def read_object(self, pairs: list[tuple[str, Any]]) -> Any:
        value = dict(pairs)
        if len(value) != len(pairs):
            return self._mark(Rule.REPEATED_KEY, "A key is there twice.", _repeated(pairs))
        if any(len(key) > MAX_KEY_CHARACTERS for key in value):
            reason = f"A key has at most {MAX_KEY_CHARACTERS} characters."
            return self._mark(Rule.TOO_LONG, reason, max(value, key=len))
        return value

    def read_integer(self, digits: str) -> Any:
        if len(digits) <= _MOST_DIGITS and -_LARGEST <= int(digits) < _LARGEST:
            return int(digits)
        return self._mark(Rule.NUMBER_TOO_LARGE, "An integer has at most 64 bits.", digits)

    def read_float(self, digits: str) -> Any:
        number = float(digits)
        if math.isinf(number):
            return self._mark(Rule.NUMBER_TOO_LARGE, "It is beyond what a double can be.", digits)
        if repr(number) != digits and not _is_exactly(digits, number):
            return self._mark(Rule.NUMBER_TOO_PRECISE, "A double does not tell it.", digits)
        return number

    def refuse_constant(self, name: str) -> NoReturn:
        raise Malformed(f"is not JSON: {name} in the record that begins at byte {self._offset}")

    def _mark(self, rule: Rule, reason: str, value: Any) -> _Unsuitable:
        self._found.append(_Unsuitable(rule, reason, value))
        return self._found[-1]


def _is_exactly(digits: str, number: float) -> bool:
    try:
        return Decimal(digits) == Decimal(repr(number))
    except ArithmeticError:
        return False


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    return Counter(key for key, _ in pairs).most_common(1)[0][0]


def _find_flaws(value: Any, pointer: str = "") -> Iterator[Flaw]:
    if isinstance(value, _Unsuitable):
        yield Flaw(pointer, value.rule, value.reason, value.value)
    elif isinstance(value, str):
        yield from _find_text_flaws(value, pointer)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _find_flaws(item, f"{pointer}/{number}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _find_text_flaws(key, pointer)
            yield from _find_flaws(item, f"{pointer}/{escape(key)}")


def _find_text_flaws(text: str, pointer: str) -> Iterator[Flaw]:
    if "\0" in text:
        yield Flaw(pointer, Rule.NUL_CHARACTER, "It has the character U+0000.", text)
    if _LONE.search(text):
        yield Flaw(pointer, Rule.LONE_SURROGATE, "It has half of a surrogate pair.", text)


def escape(key: str) -> str:
    """Return a key as a part of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")
