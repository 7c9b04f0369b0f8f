"""The real server: ``backend serve`` as a process of its own, on a free port of this machine."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Container, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.log_watch import find_leaks

_LAUNCHER = Path(__file__).with_name("die_with_parent.py")
_GENUINE = ["-c", "from app.cli import main; main()"]
_FAULTY = ["-P", str(Path(__file__).with_name("faulty.py"))]
_STEPPED = ["-P", str(Path(__file__).with_name("stepped.py"))]
_START_SECONDS = 30
_STOP_SECONDS = 40


@dataclass
class Backend:
    """A running server.

    Attributes:
        process: gunicorn's master.
        url: Where it listens.
        log: Every event it has written, oldest first; others may be added at any time.
    """

    process: subprocess.Popen[str]
    url: str
    log: list[dict[str, Any]]

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def client(self, **options: Any) -> httpx.Client:
        """Return somebody who talks HTTP to it."""
        # Nothing here speaks TLS, and reading the world's certificates takes longer than a request.
        return httpx.Client(base_url=self.url, timeout=30, verify=False, trust_env=False, **options)

    def workers(self) -> list[int]:
        """Return the process ids of the workers that are alive."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def replaced(self, former: Container[int], count: int = 2) -> list[int]:
        """Wait until none of the former workers is left, and return those there are."""
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            workers = self.workers()
            if len(workers) == count and not any(pid in former for pid in workers):
                return workers
            time.sleep(0.02)
        raise AssertionError(f"still there: {former}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Stop it and return its exit code."""
        self.process.send_signal(how)
        return self.process.wait(_STOP_SECONDS)


def running(database_url: str, folder: Path, **settings: str) -> AbstractContextManager[Backend]:
    """Run ``backend serve`` until the block ends.

    Args:
        database_url: Its database, migrated.
        folder: Where it keeps its key.
        **settings: Other settings, as the environment spells them.
    """
    return _running(_GENUINE, database_url, folder, settings)


def running_with_files(
    files: int, database_url: str, folder: Path, **settings: str
) -> AbstractContextManager[Backend]:
    """Run the same with a limit of so many open files."""
    limiting = f"import resource as r; r.setrlimit(r.RLIMIT_NOFILE, ({files}, {files})); "
    return _running(["-c", limiting + _GENUINE[1]], database_url, folder, settings)


def running_faulty(
    database_url: str, folder: Path, **settings: str
) -> AbstractContextManager[Backend]:
    """Run the same with the routes and the setting of ``tests.support.faulty``."""
    return _running(_FAULTY, database_url, folder, settings)


def running_stepped(
    database_url: str, folder: Path, clock: Path, **settings: str
) -> AbstractContextManager[Backend]:
    """Run the same by the clock of ``tests.support.stepped``: a file that says what time it is."""
    return _running(_STEPPED, database_url, folder, settings | {"CLOCK_FILE": str(clock)})


@contextmanager
def _running(
    program: list[str], database_url: str, folder: Path, settings: dict[str, str]
) -> Iterator[Backend]:
    process = _start(program, database_url, folder, settings)
    log: list[dict[str, Any]] = []
    address: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, log, address), daemon=True)
    reader.start()
    try:
        yield Backend(process, _wait_for(address, process, log), log)
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        assert process.stdout is not None
        process.stdout.close()
        # A mail on the console is text, and is meant to be read.
        events = (json.dumps(event) for event in log if event["level"] != "text")
        assert list(find_leaks(events)) == []


def _start(
    program: list[str], database_url: str, folder: Path, settings: dict[str, str]
) -> subprocess.Popen[str]:
    environment = {
        name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ
    }
    environment |= {"DATABASE_URL": database_url, "DATA_DIR": str(folder), "PORT": "0"}
    # A server that outlives a test would send the mails of the next one.
    environment |= {"MAIL_SENDER": "file", "MAIL_DELIVERY": "command"} | settings
    command = [sys.executable, *program, "serve"]
    return subprocess.Popen(
        [
            sys.executable,
            "-ISs",
            str(_LAUNCHER),
            str(os.getpid()),
            str(int(signal.SIGTERM)),
            "0",
            *command,
        ],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _wait_for(
    address: "queue.Queue[str]", process: subprocess.Popen[str], log: list[dict[str, Any]]
) -> str:
    """Return where it listens.

    Raises:
        AssertionError: It ended, or said nothing in time; with all it has said.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            return address.get(timeout=0.1)
        except queue.Empty:
            if process.poll() is not None:
                break
    raise AssertionError(f"no server: {[event['event'] for event in log]}")


def _read(
    process: subprocess.Popen[str], log: list[dict[str, Any]], address: "queue.Queue[str]"
) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        try:
            event = json.loads(line)
        except ValueError:
            event = {"event": line.rstrip(), "level": "text"}
        log.append(event)
        if event["event"] == "listening":
            address.put(event["address"])
