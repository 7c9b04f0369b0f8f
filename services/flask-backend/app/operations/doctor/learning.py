"""Whether learners' files can be kept where the settings say. Writes nothing that stays."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.config import Settings
from app.operations.doctor.findings import Finding, warn, well, wrong
from app.operations.doctor.installation import nearest
from app.operations.storage import learning_folder

CHECKS: Final = ("learning",)


def look(settings: Settings) -> Iterator[Finding]:
    """Tell whether mode and folder fit each other."""
    folder = learning_folder(settings)
    if settings.storage_mode == "database":
        yield _unused(folder)
    else:
        yield _used(folder, settings.storage_mode)


def _unused(folder: Path) -> Finding:
    if not _has_files(folder):
        return well("learning", "Learners are in the database (STORAGE_MODE=database).")
    return warn(
        "learning",
        f"STORAGE_MODE=database, and {folder} has learners' files, which nobody writes any more.",
        "Keep them in step with STORAGE_MODE=dual, or remove the folder when it is no use to you.",
    )


def _used(folder: Path, mode: str) -> Finding:
    place = nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return wrong(
            "learning",
            f"STORAGE_MODE={mode}, and nothing can be written to {place}: {error.strerror}.",
            "Set LEARNING_DIR to a folder that the service may write to.",
        )
    if _has_files(folder):
        return well("learning", f"Learners' files are in {folder} (STORAGE_MODE={mode}).")
    return warn(
        "learning",
        f"STORAGE_MODE={mode}, and {folder} has no learners' files yet.",
        "If the database has learners, `backend import to-json` writes their files.",
    )


def _has_files(folder: Path) -> bool:
    from app.usecases.learning.stores.folder import INDEX  # noqa: PLC0415 - it loads the runtime

    try:
        return any(folder.glob(f"*/{INDEX}"))
    except OSError:
        return False
