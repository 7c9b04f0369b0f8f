"""What every process of the service needs of the machine, whatever its settings say."""

import resource
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from app.config import Settings
from app.operations.doctor.findings import Finding, warn, well, wrong

CHECKS: Final = ("python", "open_files", "shared_memory", "temporary_folder")

_OLDEST: Final = (3, 11)
_NEWEST: Final = (3, 14)
WORKER_CONNECTIONS: Final = 500
_OTHER_FILES: Final = 64
_HEARTBEATS: Final = Path("/dev/shm")  # noqa: S108 - looked at, not written to
_LEAST_BYTES: Final = 1 << 20


def look(settings: Settings | None = None) -> Iterator[Finding]:
    """Look at the interpreter, at limits of the process and at places for small files."""
    yield _python()
    yield _open_files(settings)
    yield _shared_memory()
    yield _temporary_folder()


def _python() -> Finding:
    version = sys.version_info[:2]
    text = ".".join(map(str, sys.version_info[:3]))
    if _OLDEST <= version <= _NEWEST:
        return well("python", f"Python {text}.")
    return wrong(
        "python",
        f"Python {text} is none of those the service is tested with.",
        "Use CPython 3.11 to 3.14.",
    )


def _open_files(settings: Settings | None) -> Finding:
    connections = settings.db_pool_size + settings.db_max_overflow if settings else 0
    needed = WORKER_CONNECTIONS + connections + _OTHER_FILES
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit in (resource.RLIM_INFINITY, -1) or limit >= needed:
        return well("open_files", f"A process may open {limit} files; a worker needs {needed}.")
    return wrong(
        "open_files",
        f"A process may open {limit} files, and a worker needs up to {needed}.",
        f"Raise the limit: LimitNOFILE={needed * 2} (systemd), --ulimit nofile={needed * 2}"
        f" (Docker) or ulimit -n {needed * 2} (shell).",
    )


def _shared_memory() -> Finding:
    if not _HEARTBEATS.is_dir():
        return warn(
            "shared_memory",
            f"There is no {_HEARTBEATS}; the heartbeat of workers goes to a disk.",
            "Mount a tmpfs there, or a disk that stalls makes gunicorn replace workers.",
        )
    if shutil.disk_usage(_HEARTBEATS).free < _LEAST_BYTES or not _is_writable(_HEARTBEATS):
        return wrong(
            "shared_memory",
            f"{_HEARTBEATS} is full or cannot be written to; workers cannot start.",
            f"Free it, or mount a tmpfs there (Docker: --tmpfs {_HEARTBEATS}).",
        )
    return well("shared_memory", f"{_HEARTBEATS} takes the heartbeat of workers.")


def _temporary_folder() -> Finding:
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError:
        return wrong(
            "temporary_folder",
            "No temporary folder can be written to; the numbers of /metrics have no place.",
            "Mount a tmpfs on /tmp (Docker: --tmpfs /tmp), or set TMPDIR to a folder.",
        )
    return well("temporary_folder", f"{folder} can be written to.")


def _is_writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
