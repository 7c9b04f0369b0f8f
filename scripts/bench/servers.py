"""The servers that are compared, each with one worker in processes of its own, and wrk to ask them.

Knows no route.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from scripts.bench.frame import CannotMeasure, Turn
from tests.support import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / ".venv/bench"
_SERVICE = ("-c", "from app.cli import main; main()", "serve")
_UNSTAMPED = ("-m", "scripts.bench.unstamped", "serve")
_UNAUDITED = ("-m", "scripts.bench.unaudited", "serve")
_ENDURING = ("-m", "scripts.bench.enduring", "serve")
_BARE = (
    *("-m", "gunicorn", "scripts.bench.bare:application", "--bind", "127.0.0.1:0", "--preload"),
    *("--worker-class", "gthread", "--threads", "8"),
)
_REFERENCE = (
    *("-m", "uvicorn", "scripts.bench.reference.app:app", "--host", "127.0.0.1", "--port", "0"),
    *("--loop", "uvloop", "--http", "httptools", "--workers", "1"),
)
_LIMIT = (
    *("-m", "gunicorn", "scripts.bench.limit.app:app", "--bind", "127.0.0.1:0", "--workers", "1"),
    *("--worker-class", "gthread", "--threads", "8", "--keep-alive", "5"),
)
CONNECTIONS = 16
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
_START_SECONDS = 30
_STOP_SECONDS = 40
_PAUSE_SECONDS = 0.01
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves, with its children.

    Attributes:
        name: Who it is, in the results.
        process: The first of its processes.
        url: Where it listens.
    """

    name: str
    process: subprocess.Popen[bytes]
    url: str

    def cpu_seconds(self) -> float:
        """Return what its processes have used so far, those that have ended included."""
        return sum(_cpu_seconds(pid) for pid in [self.process.pid, *self.workers()])

    def workers(self) -> list[int]:
        """Return the ids of its processes, but for the first."""
        first = self.process.pid
        return [*map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())]


@dataclass(frozen=True, slots=True)
class Load:
    """One server, asked for the same by several connections at once.

    Attributes:
        server: Whom.
        targets: A file with a line ``token path`` for each thing that may be asked for.
        method: How.
        body: What is sent.
        label: What it is called, if not like the server.
        connections: How many ask at once.
        is_refused: Whether answers may be refusals.
        is_keyed: Whether each request has an ``Idempotency-Key`` of its own.
    """

    server: Server
    targets: Path
    method: str = "GET"
    body: str = ""
    label: str | None = None
    connections: int = CONNECTIONS
    is_refused: bool = False
    is_keyed: bool = False

    @property
    def name(self) -> str:
        """Who is asked."""
        return self.label or self.server.name

    def take_turn(self, seconds: int) -> Turn:
        """Ask for so long.

        Raises:
            CannotMeasure: Some requests were not answered as they should be.
        """
        used = self.server.cpu_seconds()
        told = self._run_wrk(seconds)
        cpu_seconds = self.server.cpu_seconds() - used
        refused = told["refused"] and not self.is_refused
        if refused or told["broken"] or not told["requests"]:
            raise CannotMeasure(f"{self.name}: {told}")
        return Turn(
            told["requests"],
            told["microseconds"] / 1e6,
            cpu_seconds,
            told["p50"] / 1000,
            told["p99"] / 1000,
        )

    def _run_wrk(self, seconds: int) -> dict[str, int]:
        wrk = shutil.which("wrk")
        if wrk is None:
            raise CannotMeasure("wrk makes the load; install it (Debian, Ubuntu: apt install wrk).")
        script = Path(__file__).with_name("requests.lua")
        command = [
            *(wrk, "-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "10s"),
            *("--latency", "-s", str(script), self.server.url),
            *("--", self.method, self.body, str(self.targets), "keyed" if self.is_keyed else ""),
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        told: dict[str, int] = json.loads(done.stdout.strip().splitlines()[-1])
        return told


def is_installed() -> bool:
    """Whether the others' packages are there."""
    return (PEERS.with_suffix(".stamp")).exists()


def service(url: str, *, workers: int = 1) -> AbstractContextManager[Server]:
    """Run the service as it is shipped, with so many workers."""
    variables = _variables_of_service(url) | {"WORKERS": str(workers)}
    return _serving("service", _SERVICE, variables)


def unstamped_service(url: str) -> AbstractContextManager[Server]:
    """Run the service with one worker, and let nobody number rows; see ``unstamped``."""
    variables = _variables_of_service(url) | {"PYTHONPATH": str(ROOT)}
    return _serving("unstamped", _UNSTAMPED, variables)


def unaudited_service(url: str) -> AbstractContextManager[Server]:
    """Run the service with one worker, and without the audit log; see ``unaudited``."""
    variables = _variables_of_service(url) | {"PYTHONPATH": str(ROOT)}
    return _serving("unaudited", _UNAUDITED, variables)


def enduring_service(url: str) -> AbstractContextManager[Server]:
    """Run the service with one worker, and never replace it; see ``enduring``."""
    variables = _variables_of_service(url) | {"PYTHONPATH": str(ROOT)}
    return _serving("enduring", _ENDURING, variables)


def bare_service(url: str, routes: int) -> AbstractContextManager[Server]:
    """Run a service that does nothing, with one worker; see ``bare``."""
    variables = {"BARE_URL": url, "BARE_ROUTES": str(routes), "PYTHONPATH": str(ROOT)}
    return _serving("bare", _BARE, variables)


def reference(url: sa.URL, *, isolation: str | None = None) -> AbstractContextManager[Server]:
    """Run the way of the reference designs, with one worker.

    Args:
        url: Its database.
        isolation: What SQLAlchemy calls the level of its transactions; its default if None.
    """
    text = url.render_as_string(hide_password=False)
    variables = {"REFERENCE_URL": text, "PYTHONPATH": f"{PEERS}:{ROOT}"}
    if isolation is None:
        return _serving("reference", _REFERENCE, variables)
    name = f"reference-{isolation.lower()}"
    return _serving(name, _REFERENCE, variables | {"REFERENCE_ISOLATION": isolation})


def limit(url: str, *, is_observed: bool = False) -> AbstractContextManager[Server]:
    """Run what Flask can do at most, with one worker and as many threads as the service has.

    Args:
        url: Its database.
        is_observed: Let it write a log and metrics, and send all headers of the service.
    """
    address = sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    variables = {"LIMIT_URL": address, "PYTHONPATH": str(ROOT)}
    if is_observed:  # The metrics are files of all workers, in the folder it runs in.
        variables |= {"LIMIT_OBSERVED": "yes", "PROMETHEUS_MULTIPROC_DIR": "."}
    return _serving("limit-observed" if is_observed else "limit", _LIMIT, variables)


def _variables_of_service(url: str) -> dict[str, str]:
    variables = {"DATABASE_URL": url, "WORKERS": "1", "PORT": "0"}
    return variables | {"MAIL_SENDER": "file", "MAIL_DELIVERY": "command"}  # Nobody gets mails.


@contextmanager
def _serving(name: str, program: Sequence[str], variables: dict[str, str]) -> Iterator[Server]:
    """Run a server until the block ends; what it logs goes to a file.

    Raises:
        CannotMeasure: It did not start.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        launcher = ["-ISs", die_with_parent.__file__, os.getpid(), int(signal.SIGTERM), 0]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, *map(str, launcher), sys.executable, *program],
                cwd=folder,
                env=environment | {"DATA_DIR": folder} | variables,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )
        try:
            yield Server(name, process, _wait_for_address(name, process, log))
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS)


def _wait_for_address(name: str, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := _ADDRESS.search(log.read_text()):
            return found[0]
        time.sleep(_PAUSE_SECONDS)
    raise CannotMeasure(f"{name} did not start:\n{log.read_text()}")


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:  # It has ended, and its parent has been told what it used.
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS
