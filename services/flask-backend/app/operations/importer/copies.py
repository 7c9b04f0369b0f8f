"""The copies of the files that are imported: made before the first row, and read from then on.

They belong to the account: ``<DATA_DIR>/imports/<account>/<run>/``.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Final
from uuid import UUID

from app.operations.importer.folder import opened
from app.operations.importer.records import Source, SourceFile, UnreadableSource
from app.operations.importer.refusals import Refused

MANIFEST: Final = "manifest.json"
_CHUNK_BYTES: Final = 2**20


def folder_of_copies(data_dir: Path, user_id: UUID, run_id: UUID) -> Path:
    """Return where the copies of a run are."""
    return data_dir / "imports" / str(user_id) / str(run_id)


def copy_sources(source: Source, folder: Path) -> None:
    """Copy the files of a source, as they were when it was opened; all of them or none.

    Args:
        source: What to copy.
        folder: Where to; what an earlier call has made there is replaced.

    Raises:
        UnreadableSource: A file is not what it was any more.
        Refused: The copies cannot be written.
    """
    unfinished = folder.with_name(f"{folder.name}.part")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)
        for file in source.files:
            _copy(source.folder, unfinished, file)
        _write_manifest(source.manifest, unfinished / MANIFEST)
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
        _sync(folder.parent)
    except OSError as error:
        raise _refusal(folder, error) from None
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def remove_copies(folder: Path) -> None:
    """Remove the copies of a run that has come to nothing."""
    shutil.rmtree(folder, ignore_errors=True)


def is_intact(folder: Path, manifest: Mapping[str, Any]) -> bool:
    """Tell whether all copies are there, and what they were when they were made."""
    try:
        return all(_digest(folder / name) == facts["sha256"] for name, facts in manifest.items())
    except OSError:
        return False


def _copy(source: Path, target: Path, file: SourceFile) -> None:
    path = target / file.name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    digest = hashlib.sha256()
    left = file.bytes
    with opened(source, file.name) as descriptor, _new_file(path) as copy:
        # No further than the file went when it was read: it might grow until the disk is full.
        while chunk := os.read(descriptor, min(left, _CHUNK_BYTES)):
            left -= len(chunk)
            digest.update(chunk)
            _write(copy, chunk, target)
        has_grown = os.fstat(descriptor).st_size > file.bytes
    if has_grown or digest.hexdigest() != file.sha256:
        raise UnreadableSource(file.name, "was changed while it was read")
    _sync(path)


def _write(file: IO[bytes], chunk: bytes, folder: Path) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:  # Else it would be told of the file that is read.
        raise _refusal(folder, error) from None


def _refusal(folder: Path, error: OSError) -> Refused:
    reason = os.strerror(error.errno or 0)
    return Refused(f"The files cannot be copied into {folder.parent}: {reason}.")


def _write_manifest(manifest: Mapping[str, Any], path: Path) -> None:
    with _new_file(path) as file:
        file.write(json.dumps(manifest, indent=2, ensure_ascii=False).encode())
    _sync(path)


def _new_file(path: Path) -> IO[bytes]:
    return open(path, "xb", opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Let what was written to a file or folder survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
