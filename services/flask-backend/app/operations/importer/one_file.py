"""One file read to its end: each value parsed, all bytes hashed, and the file the same throughout.

Knows nothing of what the values mean.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.operations.importer.elements import Malformed, split
from app.operations.importer.folder import opened, unreadable
from app.operations.importer.parsing import Flaw, parse
from app.operations.importer.records import RecordKind, SourceFile, UnreadableSource

Progress = Callable[[int], None]
"""Takes how many bytes have been read since it was called last."""


@dataclass(frozen=True, slots=True)
class Part:
    """A value of a file.

    Attributes:
        position: Its number, from 0.
        pointer: JSON pointer to it.
        value: Parsed; None if something is wrong with it.
        raw: Its bytes; only their beginning if it is too large.
        flaws: What is wrong.
    """

    position: int
    pointer: str
    value: Any
    raw: bytes
    flaws: list[Flaw]


class OneFile:
    """A file that is read once, by iteration; afterwards ``found`` tells what it is."""

    def __init__(self, folder: Path, name: str, kind: RecordKind, progress: Progress) -> None:
        self._folder = folder
        self._name = name
        self._kind = kind
        self._progress = progress
        self._hash = hashlib.sha256()
        self._bytes = 0
        self._records = 0
        self._is_array = True

    def __iter__(self) -> Iterator[Part]:
        with opened(self._folder, self._name) as descriptor:
            before = _stamp(descriptor)
            try:
                yield from self._parts(descriptor, before[0])
            except Malformed as error:
                # A file that somebody cuts while it is read looks malformed, too.
                self._require_same(before, descriptor)
                raise UnreadableSource(self._name, str(error)) from None
            self._require_same(before, descriptor)

    @property
    def found(self) -> SourceFile:
        """What the file is, once it has been read to its end."""
        return SourceFile(
            name=self._name,
            kind=self._kind,
            bytes=self._bytes,
            sha256=self._hash.hexdigest(),
            records=self._records,
            is_array=self._is_array,
        )

    def _parts(self, descriptor: int, length: int) -> Iterator[Part]:
        def read(size: int) -> bytes:
            # No further than the file went: it might grow for ever.
            return self._read(descriptor, min(size, length - self._bytes))

        for position, element in enumerate(split(read)):
            if not element.is_in_array and self._kind is not RecordKind.PROFILE:
                raise Malformed("is one object; it must be an array of them")
            self._is_array = element.is_in_array
            self._records += 1
            value, flaws = parse(element)
            pointer = f"/{position}" if element.is_in_array else ""
            yield Part(position, pointer, value, element.raw, flaws)
            # Or they would be held while the next value, as large as they may be, is read.
            del element, value

    def _read(self, descriptor: int, size: int) -> bytes:
        try:
            chunk = os.read(descriptor, size)
        except OSError as error:
            raise unreadable(self._name, error) from None
        self._hash.update(chunk)
        self._bytes += len(chunk)
        self._progress(len(chunk))
        return chunk

    def _require_same(self, before: tuple[int, int], descriptor: int) -> None:
        if _stamp(descriptor) != before:
            raise UnreadableSource(self._name, "was changed while it was read")


def _stamp(descriptor: int) -> tuple[int, int]:
    """Return what changes whenever a file does."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns
