"""What this installation keeps on disk: its secrets, its data, and room for both."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.config import Settings, secret_files
from app.operations.doctor.findings import Finding, skipped, warn, well, wrong
from bilayer.urls import engine_name

CHECKS: Final = ("secrets", "data_folder", "disk_space")

_MIB: Final = 1 << 20
_LOW_BYTES: Final = 1024 * _MIB
_FULL_BYTES: Final = 64 * _MIB
_LOW_INODES: Final = 1000


def look(settings: Settings) -> Iterator[Finding]:
    """Look at the files of secrets, the data folder and the disk below it."""
    yield from _secrets(settings)
    yield _data_folder(settings)
    yield _disk_space(settings.data_dir)


def nearest(path: Path) -> Path:
    """Return a path, or of the folders above it the one that is there and can be seen."""
    places = (path, *path.absolute().parents)
    return next(place for place in places if os.path.exists(place))  # noqa: PTH110 - Path.exists raises below a closed folder


def _secrets(settings: Settings) -> Iterator[Finding]:
    kept = settings.data_dir / "secret_key"
    files = secret_files()
    if settings.secret_key is None and nearest(kept) == kept:
        files = {**files, "SECRET_KEY": kept}
    faults = [fault for name, path in files.items() if (fault := _fault(name, path))]
    if _is_another_key(settings, kept):
        faults.append(
            warn(
                "secrets",
                f"SECRET_KEY is not the key in {kept}, with which this service has signed before.",
                "Move that key to SECRET_KEY_FALLBACKS until what it signed has expired.",
            )
        )
    yield from faults
    if not faults:
        yield well("secrets", _kept_secrets(len(files), len(settings.former_keys)))


def _kept_secrets(files: int, former: int) -> str:
    text = f"Secrets in files that only their owner reads: {files or 'none'}."
    return f"{text} {former} former keys are still believed." if former else text


def _fault(name: str, path: Path) -> Finding | None:
    mode = path.stat().st_mode
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return wrong("secrets", f"{path} ({name}) can be changed by others.", f"chmod 600 {path}")
    if mode & stat.S_IROTH:
        return warn(
            "secrets",
            f"{path} ({name}) can be read by every user of this machine.",
            f"chmod 600 {path}, unless it is mounted into a container where nobody else lives.",
        )
    return None


def _is_another_key(settings: Settings, kept: Path) -> bool:
    try:
        former = kept.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:  # It is not there, or another user's, which this service never signed with.
        return False
    if settings.secret_key is None:
        return False
    return former not in (settings.secret_key.get_secret_value(), *settings.former_keys)


def _data_folder(settings: Settings) -> Finding:
    if not _is_needed(settings):
        return skipped("data_folder", "Nothing is kept in DATA_DIR with these settings.")
    folder = settings.data_dir
    place = nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return wrong(
            "data_folder",
            f"{place} cannot be written to: {error.strerror}.",
            f"Make {folder} the service's user's (install -d -m 700 -o {os.geteuid()} {folder}),"
            " or set DATA_DIR to a folder it owns.",
        )
    will_be_made = "" if place == folder else " It will be made there."
    return well("data_folder", f"{place} can be written to.{will_be_made}")


def _is_needed(settings: Settings) -> bool:
    is_embedded = engine_name(settings.url.drivername) == "sqlite"
    keeps_mails = settings.mail_sender == "file" and settings.mail_dir is None
    return is_embedded or settings.secret_key is None or keeps_mails


def _disk_space(folder: Path) -> Finding:
    place = nearest(folder)
    free = shutil.disk_usage(place).free
    inodes = os.statvfs(place)
    text = f"{free // _MIB} MiB are free below {place}."
    if free < _FULL_BYTES or (inodes.f_files and inodes.f_favail < _LOW_INODES):
        return wrong("disk_space", text, "Free some, or enlarge the volume, before writes fail.")
    if free < _LOW_BYTES:
        return warn("disk_space", text, "Free some, or enlarge the volume.")
    return well("disk_space", text)
