"""Records written into JSON files again, of the names and forms that they came in."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from app.operations.importer.records import Draft, SourceFile
from app.operations.importer.refusals import Refused


class JsonFiles:
    """The files of a source, written record by record.

    Args:
        folder: Where to; none of the files is there.
        files: What they are.
        stack: Ends the files.
    """

    def __init__(self, folder: Path, files: Mapping[str, SourceFile], stack: ExitStack) -> None:
        self._folder = folder
        self._files = files
        self._stack = stack
        self._open: dict[str, IO[str]] = {}

    def write(self, draft: Draft, record: dict[str, Any]) -> None:
        """Write a record behind those before it."""
        name = draft.record.file
        is_array = self._files[name].is_array
        begin = "[\n" if is_array else ""
        try:
            if name in self._open:
                begin = ",\n"
            else:
                self._open[name] = self._begin(name, "\n]\n" if is_array else "\n")
            self._open[name].write(begin + json.dumps(record, ensure_ascii=False))
        except OSError as error:
            raise _refusal(self._folder / name, error) from None

    def write_empty(self) -> None:
        """Write the files that have no record."""
        for name, file in self._files.items():
            if not file.records:
                self._begin(name, "[]\n")

    def _begin(self, name: str, end: str) -> IO[str]:
        path = self._folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = open(path, "x", encoding="utf-8", opener=_private)  # noqa: SIM115 - the stack closes it
        self._stack.enter_context(file)
        self._stack.callback(file.write, end)
        return file


@contextmanager
def writing(folder: Path, files: Mapping[str, SourceFile]) -> Iterator[JsonFiles]:
    """Write files into a folder, each of which is whole when the block has ended.

    Raises:
        Refused: One is there already, or cannot be written.
    """
    try:
        with ExitStack() as stack:
            written = JsonFiles(folder, files, stack)
            written.write_empty()
            yield written
    except OSError as error:
        raise _refusal(folder, error) from None


def _refusal(path: Path, error: OSError) -> Refused:
    return Refused(f"{path} cannot be written: {os.strerror(error.errno or 0)}.")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
