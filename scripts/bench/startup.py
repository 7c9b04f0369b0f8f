"""How long it takes until something can be done: the service to be ready, a command to say a word.

Each start is a process of its own, beside one that does as much of the same without a line of
ours. Nothing is promised.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Final

from app import create_app
from scripts.bench.asking import ask
from scripts.bench.bare import make_app
from scripts.bench.databases import describe_server, new_database
from scripts.bench.frame import (
    Bench,
    CannotMeasure,
    Comparison,
    Contestant,
    Goal,
    Options,
    Turn,
    compare,
)
from scripts.bench.servers import ROOT, Server, bare_service, service
from tests.support.run import Run
from tests.support.service import connected, settings_for

GOAL: Final = Goal("cost")
_LIBRARIES: Final = "import flask, sqlalchemy, pydal"
_WAIT_SECONDS: Final = 60.0
_PAUSE_SECONDS: Final = 0.005
_COMMAND: Final = "import sys; from {module} import main; sys.argv = ['{name}', '--help']; main()"


@dataclass(frozen=True, slots=True)
class Program:
    """A program of Python, started anew again and again.

    Attributes:
        name: Which.
        source: What it does.
        variables: Its environment.
    """

    name: str
    source: str
    variables: Mapping[str, str]

    def take_turn(self, seconds: int) -> Turn:
        """Start it for so long, at least once."""
        return _repeat(self._run, seconds)

    def _run(self) -> tuple[float, float]:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-c", self.source], env=self.variables, stdout=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise CannotMeasure(f"{self.name} ended with {process.returncode}")
        return time.perf_counter() - began, used.ru_utime + used.ru_stime


@dataclass(frozen=True, slots=True)
class Start:
    """A server, started anew again and again, until it says that it is ready."""

    name: str
    serve: Callable[[], AbstractContextManager[Server]]

    def take_turn(self, seconds: int) -> Turn:
        """Start it for so long, at least once; how long it takes to stop is not counted."""
        return _repeat(self._run, seconds)

    def _run(self) -> tuple[float, float]:
        began = time.perf_counter()
        with self.serve() as server:
            while not _is_ready(server.url):
                if time.perf_counter() - began > _WAIT_SECONDS:
                    raise CannotMeasure(f"{self.name} does not get ready")
                time.sleep(_PAUSE_SECONDS)
            return time.perf_counter() - began, server.cpu_seconds()


@dataclass(frozen=True, slots=True)
class Making:
    """An application, made in this process again and again."""

    name: str
    make: Callable[[], object]

    def take_turn(self, seconds: int) -> Turn:
        """Make it for so long."""
        return _repeat(self._run, seconds)

    def _run(self) -> tuple[float, float]:
        began, used = time.perf_counter(), time.process_time()
        self.make()
        return time.perf_counter() - began, time.process_time() - used


def measure(run: Run, options: Options) -> Bench:
    """Measure every start on the engine that was asked for."""
    bench = Bench("startup")
    with new_database(run, options.engine) as url, tempfile.TemporaryDirectory() as folder:
        settings = settings_for(url, Path(folder))
        with connected(settings):
            routes = len(list(create_app(settings).url_map.iter_rules()))
            made = compare(
                Comparison(
                    "create_app() again",
                    (
                        Making("service", lambda: create_app(settings)),
                        Making("bare", lambda: make_app(url, routes)),
                    ),
                    GOAL,
                ),
                options,
            )
        bench.facts = {"engine": options.engine, "routes": routes, **describe_server(url)}
        starts = {
            "serve until ready": (
                Start("service", lambda: service(url)),
                Start("bare", lambda: bare_service(url, routes)),
            ),
            **_programs(url, routes, Path(folder)),
        }
        comparisons = [Comparison(name, both, GOAL) for name, both in starts.items()]
        bench.results = [made, *(compare(one, options) for one in comparisons)]
    return bench


def _programs(url: str, routes: int, folder: Path) -> dict[str, Sequence[Contestant]]:
    """Return what is started, beside what it is compared with."""
    variables = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": url,
        "DATA_DIR": str(folder),
    }
    bare = variables | {"BARE_URL": url, "BARE_ROUTES": str(routes), "PYTHONPATH": str(ROOT)}

    def program(name: str, source: str) -> Program:
        return Program(name, source, variables)

    def command(name: str, module: str) -> Program:
        return Program(name, _COMMAND.format(name=name, module=module), variables)

    libraries = program("libraries", _LIBRARIES)
    alembic = command("alembic", "alembic.config")
    return {
        "create_app() in a new process": (
            program("service", "from app import create_app; create_app()"),
            Program("bare", "import scripts.bench.bare", bare),
        ),
        "import app": (program("app", "import app"), libraries),
        "import bilayer": (program("bilayer", "import bilayer"), libraries),
        "import bilayer.runtime": (program("runtime", "import bilayer.runtime"), libraries),
        "backend --help": (command("backend", "app.cli"), alembic),
        "bilayer --help": (command("bilayer", "bilayer.cli"), alembic),
    }


def _repeat(run: Callable[[], tuple[float, float]], seconds: int) -> Turn:
    times: list[float] = []
    used = 0.0
    while not times or sum(times) < seconds:
        elapsed, cpu_seconds = run()
        times.append(elapsed)
        used += cpu_seconds
    return Turn(len(times), sum(times), used, p50_ms=1000 * median(times))


def _is_ready(url: str) -> bool:
    try:
        status, _ = ask(url, "/readyz")
    except OSError:  # Not yet.
        return False
    return status == HTTPStatus.OK
