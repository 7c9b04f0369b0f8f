"""One run of the suite: its engines, its servers, its folder. Shared by all its workers.

The process that pytest was started in owns the run. With xdist it starts every server before the
first worker and hands the workers the URLs; without, a server is started by the first test that
needs it.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.support import servers
from tests.support.processes import find_mariadb, find_postgresql

ENGINES = ("sqlite", "postgresql", "mariadb")
URL_SETTINGS = {"postgresql": "TEST_POSTGRESQL_URL", "mariadb": "TEST_MARIADB_URL"}
_FOLDER_PREFIX = "bilayer-tests-"


@cache
def sources() -> Mapping[str, str]:
    """Say for each engine that is to be had where it comes from."""
    found = {"sqlite": "the standard library"}
    binaries = {"postgresql": find_postgresql(), "mariadb": find_mariadb()}
    for engine, setting in URL_SETTINGS.items():
        if os.environ.get(setting):
            found[engine] = setting
        elif binaries[engine]:
            found[engine] = str(binaries[engine])
    return found


def missing_engines() -> dict[str, str]:
    """Say for each engine that is not to be had why."""
    return {
        engine: f"{URL_SETTINGS[engine]} is not set and no server is installed"
        for engine in ENGINES
        if engine not in sources()
    }


def required_engines() -> list[str]:
    """List the engines that REQUIRE_ENGINES demands, whether they exist or not."""
    demanded = os.environ.get("REQUIRE_ENGINES", "").split(",")
    return [engine.strip() for engine in demanded if engine.strip()]


def own_server_engines() -> list[str]:
    """List the engines of which a server of our own can be started, to be hurt."""
    found = {"postgresql": find_postgresql(), "mariadb": find_mariadb()}
    return [engine for engine, path in found.items() if path]


def new_server(engine: str, folder: Path) -> servers.Server:
    """Describe a server of our own, neither prepared nor started."""
    return {"postgresql": servers.new_postgresql, "mariadb": servers.new_mariadb}[engine](folder)


@dataclass
class Run:
    """The state that the workers of one run share."""

    folder: Path
    is_owner: bool
    _servers: dict[str, servers.Server] = field(default_factory=dict)

    @classmethod
    def begin(cls) -> Run:
        """Begin a run, after removing what killed runs have left."""
        for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER_PREFIX}*"):
            if not is_alive(int(folder.name.split("-")[2])):
                shutil.rmtree(folder, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER_PREFIX}{os.getpid()}-"))
        folder.chmod(0o755)  # The servers' user reads below it.
        return cls(folder, is_owner=True)

    @classmethod
    def join(cls, text: str) -> Run:
        """Join the run that another process owns."""
        state = json.loads(text)
        return cls(
            Path(state["folder"]),
            is_owner=False,
            _servers={engine: _server_at(engine, url) for engine, url in state["urls"].items()},
        )

    def describe(self) -> str:
        """Describe the run for `join`; starts every server."""
        self._start(*(engine for engine in sources() if engine != "sqlite"))
        urls = {engine: server.url for engine, server in self._servers.items()}
        return json.dumps({"folder": str(self.folder), "urls": urls})

    def server(self, engine: str) -> servers.Server:
        """Return the run's shared server, started."""
        self._start(engine)
        return self._servers[engine]

    def logs(self) -> list[Path]:
        """List the logs of the servers that are the run's own."""
        processes = [server.process for server in self._servers.values()]
        return [process.log for process in processes if process is not None]

    def new_name(self) -> str:
        """Name a database that no other run or worker will name."""
        return f"bilayer_test_{uuid.uuid4().hex[:16]}"

    def end(self) -> None:
        """Stop what the run has started and remove its files."""
        for server in self._servers.values():
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, *engines: str) -> None:
        """Start servers; their files are made side by side, their processes by this thread.

        A child is told to die with the thread that started it, not with the process.
        """
        wanted = [engine for engine in engines if engine not in self._servers]
        started = {engine: self._obtain(engine) for engine in wanted}
        ours = [server for server in started.values() if server.process is not None]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.prepare(), ours))
        self._servers.update(started)
        for server in ours:
            server.start()
            server.keep_quiet()

    def _obtain(self, engine: str) -> servers.Server:
        lent = os.environ.get(URL_SETTINGS[engine])
        return _server_at(engine, lent) if lent else new_server(engine, self.folder / engine)


def is_alive(process_id: int) -> bool:
    """Whether there is a process with this id."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _server_at(engine: str, url: str) -> servers.Server:
    kinds = {"postgresql": servers.PostgreSQLServer, "mariadb": servers.MariaDBServer}
    return kinds[engine](url)
