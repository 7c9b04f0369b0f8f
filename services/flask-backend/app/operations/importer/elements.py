"""The values of a JSON file one after another, as bytes, with a window of the file in memory.

Finds where each value begins and ends, by its brackets and quotes; whether it is JSON inside is
seen by whoever parses it. A parser that tells of events would not do: those there are give ``?``
for half a surrogate pair, hold a string of any length, and do not say where in the file they are.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

MAX_RECORD_BYTES: Final = 8 * 1024 * 1024
"""A longer value is passed over, and only its beginning is kept."""
_CHUNK_BYTES: Final = 256 * 1024
_KEPT_BYTES: Final = 1024

_SPACE: Final = re.compile(rb"[ \t\n\r]*+")
_UP_TO_BRACKET: Final = re.compile(rb'(?:[^"\[\]{}]++|"[^"\\]{0,64}+")*')
"""Passes short strings too; the search for a quote is faster with long ones.

The group may give back, because CPython before 3.11.5 matches too little of one that may not.
"""
_SCALAR: Final = re.compile(rb'[^ \t\n\r,:"\[\]{}]*+')
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_OTHER_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class Malformed(Exception):
    """A file is not JSON. The message is the rest of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True)
class Element:
    """A value of a file.

    Attributes:
        offset: Where it begins, in bytes from the start of the file.
        raw: Its bytes; only their beginning if there are more than a record may have.
        size: How many bytes it has.
        depth: How many levels of objects and arrays.
        is_in_array: Whether it is one of an array, and not all of the file.
    """

    offset: int
    raw: bytes
    size: int
    depth: int
    is_in_array: bool

    @property
    def is_too_large(self) -> bool:
        """Tell whether it is longer than a record may be."""
        return self.size > MAX_RECORD_BYTES


def split(read: Callable[[int], bytes]) -> Iterator[Element]:
    """Give the elements of the array that a file is, or the one object.

    Args:
        read: Gives the next bytes of the file, at most as many as it is asked for.

    Raises:
        Malformed: The file is something else, or is not whole; the values before have been given.
    """
    window = _Window(read)
    first = window.open()
    if first == b"{":
        yield window.take(is_in_array=False)
    elif first == b"[":
        yield from _split_array(window)
    else:
        raise Malformed("is neither an array nor an object")
    if window.peek():
        raise Malformed(f"goes on behind its end, at byte {window.offset}")


def _split_array(window: "_Window") -> Iterator[Element]:
    window.step()
    if window.peek() == b"]":
        window.step()
        return
    while True:
        yield window.take(is_in_array=True)
        byte = window.peek()
        if byte not in (b",", b"]"):
            raise window.complaint(byte)
        window.step()
        if byte == b"]":
            return


class _Window:
    """The part of a file that is in memory: from the start of the value that is being taken."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._data = b""
        self._base = 0
        """Where in the file ``_data`` begins."""
        self._at = 0
        """Up to where ``_data`` has been looked at."""
        self._needed = 0
        """From where on ``_data`` is needed."""
        self._head = b""
        """How a value begins that is too long to be kept."""

    @property
    def offset(self) -> int:
        """Where in the file this is."""
        return self._base + self._at

    def open(self) -> bytes:
        """Pass a byte order mark and white space; return the first byte behind, if any."""
        self._more()
        if self._data.startswith(_OTHER_MARKS) or b"\0" in self._data[:4]:
            raise Malformed("is not UTF-8; it looks like UTF-16 or UTF-32")
        if self._data.startswith(_BYTE_ORDER_MARK):
            self._at = len(_BYTE_ORDER_MARK)
        first = self.peek()
        if not first:
            raise Malformed("is empty")
        return first

    def step(self) -> None:
        """Pass one byte."""
        self._at += 1

    def peek(self) -> bytes:
        """Pass white space; return the byte behind, or nothing at the end of the file."""
        while True:
            self._needed = self._at = self._pass(_SPACE)
            if self._at < len(self._data):
                return self._data[self._at : self._at + 1]
            if not self._more():
                return b""

    def complaint(self, byte: bytes) -> Malformed:
        """Return what is wrong where a byte, or the end of the file, was not expected."""
        if not byte:
            return Malformed(f"ends too early, at byte {self.offset}")
        return Malformed(f"is not JSON: unexpected {ascii(byte)[1:]} at byte {self.offset}")

    def take(self, *, is_in_array: bool) -> Element:
        """Take the value that begins here, behind white space."""
        first = self.peek()
        offset = self.offset
        depth = 0
        if first in (b"{", b"["):
            depth = self._pass_brackets()
        elif first == b'"':
            self.step()
            self._pass_string()
        else:
            self._pass_scalar(first)
        raw = self._head or self._data[self._needed : self._at]
        self._head = b""
        return Element(offset, raw, self.offset - offset, depth, is_in_array)

    def _pass_brackets(self) -> int:
        depth = deepest = 0
        while True:
            self._at = self._pass(_UP_TO_BRACKET)
            byte = self._next()
            if byte == b'"':
                self._pass_string()
            elif byte in (b"{", b"["):
                depth += 1
                deepest = max(deepest, depth)
            elif byte:
                depth -= 1
                if depth == 0:
                    return deepest

    def _pass_string(self) -> None:
        """Pass the rest of a string, in which this is."""
        while True:
            end = self._data.find(b'"', self._at)
            part = self._data[self._at : len(self._data) if end < 0 else end]
            is_escaped = (len(part) - len(part.rstrip(b"\\"))) % 2 == 1
            self._at += len(part)
            if end < 0:
                # A backslash whose other half is not there yet is looked at again.
                self._at -= is_escaped
                self._require_more()
                continue
            self.step()
            if not is_escaped:
                return

    def _pass_scalar(self, first: bytes) -> None:
        start = self.offset
        while True:
            self._at = self._pass(_SCALAR)
            if self._at < len(self._data) or not self._more():
                break
        if self.offset == start:
            raise self.complaint(first)

    def _next(self) -> bytes:
        """Return the byte that is here and pass it, or get more of the file and return nothing."""
        if self._at == len(self._data):
            self._require_more()
            return b""
        self.step()
        return self._data[self._at - 1 : self._at]

    def _pass(self, pattern: re.Pattern[bytes]) -> int:
        match = pattern.match(self._data, self._at)
        return match.end() if match else self._at

    def _require_more(self) -> None:
        if not self._more():
            raise Malformed(f"ends too early, at byte {self._base + len(self._data)}")

    def _more(self) -> bool:
        """Read on, and let go of what is not needed; tell whether there was more."""
        if self._at - self._needed > MAX_RECORD_BYTES:
            self._head = self._head or self._data[self._needed :][:_KEPT_BYTES]
            self._needed = self._at
        chunk = self._read(_CHUNK_BYTES)
        self._base += self._needed
        self._at -= self._needed
        self._data = self._data[self._needed :] + chunk
        self._needed = 0
        return bool(chunk)
