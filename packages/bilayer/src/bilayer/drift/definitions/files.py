"""Python files that are edited: read and written so that only what is edited changes.

Encoding, byte order mark, line ends, permissions and symbolic links stay.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import tokenize
from collections.abc import Mapping
from pathlib import Path

from bilayer.errors import BilayerError


class SourceUnwritable(BilayerError):
    """A file's own encoding lacks a letter that was to be written."""


def read_source(path: Path) -> str:
    """Read a file by the encoding it declares; its line ends stay as they are."""
    return path.read_bytes().decode(_read_encoding(path))


def write_sources(texts: Mapping[Path, str]) -> None:
    """Replace files that are there; none is changed before all have been written beside them.

    Raises:
        OSError: One of them cannot be written.
        SourceUnwritable: A text has letters that the encoding of its file lacks.
    """
    with contextlib.ExitStack() as stack:
        folders = [
            Path(stack.enter_context(tempfile.TemporaryDirectory(dir=path.parent, prefix=".")))
            for path in texts
        ]
        for folder, (path, text) in zip(folders, texts.items(), strict=True):
            copy = folder / path.name
            shutil.copy2(path, copy)
            copy.write_bytes(_encode(path, text))
        for folder, path in zip(folders, texts, strict=True):
            (folder / path.name).replace(path)


def _encode(path: Path, text: str) -> bytes:
    encoding = _read_encoding(path)
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        message = f"{path} is written in {encoding}, which lacks {error.object[error.start]!r}"
        raise SourceUnwritable(message) from error


def _read_encoding(path: Path) -> str:
    with path.open("rb") as file:
        return tokenize.detect_encoding(file.readline)[0]
