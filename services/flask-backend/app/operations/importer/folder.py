"""Which files of a folder an import reads, and how they are opened: nothing but plain files.

Does not look into them.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.operations.importer.records import FOLDER, RecordKind, UnreadableSource

PROFILES: Final = "child_profiles.json"
PROFILE_FOLDER: Final = "profiles"
_OTHERS: Final = {
    "approved_cards.json": RecordKind.CARD,
    "chat_history.json": RecordKind.MESSAGE,
}
_MAX_NAME_CHARACTERS: Final = 255
"""As long as the journal keeps it."""
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Whoever opens a pipe would wait for somebody to write into it, unless told not to."""


def find_files(folder: Path) -> list[tuple[str, RecordKind]]:
    """Return the names of the files to read: profiles, cards, messages.

    Raises:
        UnreadableSource: There is none, or it is not clear which, or a folder is not a folder.
    """
    names = _list(folder, FOLDER)
    profiles = [name for name in (PROFILES,) if name in names]
    if PROFILE_FOLDER in names:
        single = sorted(_list(folder / PROFILE_FOLDER, PROFILE_FOLDER))
        single = [f"{PROFILE_FOLDER}/{name}" for name in single if name.endswith(".json")]
        if profiles and single:
            raise UnreadableSource(PROFILES, f"and {single[0]} are both there; keep one of them")
        profiles += single
    files = [(name, RecordKind.PROFILE) for name in profiles]
    files += [(name, kind) for name, kind in _OTHERS.items() if name in names]
    if not files:
        known = ", ".join((PROFILES, f"{PROFILE_FOLDER}/*.json", *_OTHERS))
        raise UnreadableSource(FOLDER, f"has none of {known}")
    for name, _ in files:
        _check_name(name)
    return files


@contextmanager
def opened(folder: Path, name: str) -> Iterator[int]:
    """Open a plain file for reading, and give its descriptor.

    Raises:
        UnreadableSource: It is not there, is something else, or may not be read.
    """
    try:
        _refuse_unless(folder / name, name, stat.S_IFREG)
        descriptor = os.open(folder / name, _FLAGS)
    except OSError as error:
        raise unreadable(name, error) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UnreadableSource(name, "was exchanged while it was opened")
        yield descriptor
    finally:
        os.close(descriptor)


def unreadable(name: str, error: OSError) -> UnreadableSource:
    """Return what the system's refusal means for a file."""
    return UnreadableSource(name, f"cannot be read: {os.strerror(error.errno or 0)}")


def _list(folder: Path, name: str) -> list[str]:
    try:
        _refuse_unless(folder, name, stat.S_IFDIR)
        return [path.name for path in folder.iterdir()]
    except OSError as error:
        raise unreadable(name, error) from None


def _refuse_unless(path: Path, name: str, wanted: int) -> None:
    found = stat.S_IFMT(path.lstat().st_mode)
    if found == wanted:
        return
    if found == stat.S_IFLNK:
        raise UnreadableSource(name, "is a symbolic link; give the file or folder itself")
    what = "a folder" if wanted == stat.S_IFDIR else "a plain file"
    raise UnreadableSource(name, f"is not {what}")


def _check_name(name: str) -> None:
    if not name.isprintable():
        raise UnreadableSource(ascii(name), "has a name that is not plain text; rename it")
    if len(name) > _MAX_NAME_CHARACTERS:
        raise UnreadableSource(name, f"has a name longer than {_MAX_NAME_CHARACTERS} characters")
