"""Removing the backups that are old enough."""

from __future__ import annotations

from app.operations.backup.folder import BackupFolder
from app.operations.backup.retention import choose_kept


def prune(
    folder: BackupFolder, last_verified: str | None, *, is_dry: bool = False
) -> tuple[list[str], list[str]]:
    """Remove all backups but those to keep, and return both, the newest first.

    Args:
        folder: Of all backups. The caller holds its lock.
        last_verified: The one that was last known to restore.
        is_dry: Only tell.
    """
    names = folder.names()
    kept = choose_kept(names, last_verified)
    doomed = [name for name in names if name not in kept]
    if not is_dry:
        for name in doomed:
            folder.remove(name)
    return [name for name in names if name in kept], doomed
