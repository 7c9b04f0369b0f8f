"""Fixtures and hooks of the whole suite: engines, databases, servers, a closed network.

A test that uses `engine`, or a fixture that rests on it, runs once on each engine that is to be
had. REQUIRE_ENGINES names those without which the run fails.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa
import structlog
from pymysql.connections import Connection

from tests.fakes import StripeServer, serving_stripe
from tests.support import run as runs
from tests.support.databases import ROOT, Database, drop_templates, migrated_database, new_database
from tests.support.log_watch import LogWatch
from tests.support.network import close_network
from tests.support.servers import Server

_RUN = pytest.StashKey[runs.Run]()
_WORKER_INPUT = "bilayer_run"

# Two busy cores make any deadline a lie.
hypothesis.settings.register_profile("suite", deadline=None, print_blob=True)
hypothesis.settings.register_profile("full", deadline=None, print_blob=True)
hypothesis.settings.load_profile("suite")


def pytest_configure(config: pytest.Config) -> None:
    """Begin the run, or join it as a worker, and close the network."""
    worker_input: dict[str, str] | None = getattr(config, "workerinput", None)
    if worker_input is None:
        _refuse_to_run_without_required_engines()
        config.stash[_RUN] = runs.Run.begin()
    else:
        config.stash[_RUN] = runs.Run.join(worker_input[_WORKER_INPUT])
    config.pluginmanager.register(LogWatch(config.stash[_RUN]))
    urls = (os.environ.get(name) for name in ("TEST_POSTGRESQL_URL", "TEST_MARIADB_URL"))
    close_network(host for url in urls if url and (host := sa.make_url(url).host))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # Any: xdist's classes are private.
    """Hand the run to a worker that is about to start."""
    node.workerinput[_WORKER_INPUT] = node.config.stash[_RUN].describe()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the run that this process owns."""
    run = config.stash.get(_RUN, None)
    if run is not None and run.is_owner:
        drop_templates(run)
        run.end()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note the engine in the test's report, so that the summary can tell on which it ran."""
    call = getattr(item, "callspec", None)
    if call is not None and "engine" in call.params:
        item.user_properties.append(("engine", call.params["engine"]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the engines the suite ran on, and those that were not to be had."""
    ran = Counter(
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == "engine"
    )
    terminalreporter.section("database engines")
    for engine in runs.ENGINES:
        if (reason := runs.missing_engines().get(engine)) is not None:
            terminalreporter.line(f"{engine}: NOT RUN, {reason}", yellow=True)
        else:
            terminalreporter.line(f"{engine}: {ran[engine]} tests ({runs.sources()[engine]})")


def _refuse_to_run_without_required_engines() -> None:
    missing = runs.missing_engines()
    for engine in runs.required_engines():
        if engine not in runs.ENGINES:
            message = f"REQUIRE_ENGINES names {engine!r}; known are {', '.join(runs.ENGINES)}."
            raise pytest.UsageError(message)
        if engine in missing:
            message = f"REQUIRE_ENGINES demands {engine}: {missing[engine]}."
            raise pytest.UsageError(message)


@pytest.fixture(autouse=True)
def _same_log() -> Iterator[None]:
    """Configure logging again as it was: a command that a test runs here tells only of errors."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture(scope="session", autouse=True)
def _certificates_are_read_once() -> Iterator[None]:
    """Let connections to MariaDB that name no certificate share what each would read anew.

    Reading the world's certificates takes longer than most tests that connect.
    """
    make_context = vars(Connection)["_create_ssl_ctx"]
    unnamed = make_context(None, {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Connection,
            "_create_ssl_ctx",
            lambda self, named: make_context(self, named) if named else unnamed,
        )
        yield


@pytest.fixture(scope="session")
def suite_run(pytestconfig: pytest.Config) -> runs.Run:
    """The run this process owns or has joined."""
    return pytestconfig.stash[_RUN]


@pytest.fixture(scope="session", params=tuple(runs.sources()))
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn: sqlite, postgresql, mariadb."""
    return str(request.param)


@pytest.fixture
def empty_database_url(suite_run: runs.Run, engine: str) -> Iterator[str]:
    """URL of a new database without tables, dropped afterwards."""
    with new_database(suite_run, engine) as url:
        yield url


@pytest.fixture
def migrated_database_url(suite_run: runs.Run, engine: str) -> Iterator[str]:
    """URL of a new database with all tables, for a test that would spoil the worker's own."""
    with migrated_database(suite_run, engine) as url:
        yield url


@pytest.fixture(scope="session")
def _worker_database(suite_run: runs.Run, engine: str) -> Iterator[Database]:
    with migrated_database(suite_run, engine) as url:
        yield Database.at(url)


@pytest.fixture
def database_url(_worker_database: Database) -> str:
    """URL of this worker's migrated database, without rows."""
    _worker_database.empty()
    return _worker_database.url


@pytest.fixture
def scratch_url(suite_run: runs.Run, engine: str) -> str | None:
    """URL of a server on which scratch databases may be made; None for SQLite."""
    return None if engine == "sqlite" else suite_run.server(engine).url


@pytest.fixture(scope="session")
def _own_servers() -> Iterator[dict[str, Server]]:
    own: dict[str, Server] = {}
    yield own
    for server in own.values():
        server.stop()


@pytest.fixture(params=runs.own_server_engines())
def server(
    request: pytest.FixtureRequest, _own_servers: dict[str, Server], suite_run: runs.Run
) -> Server:
    """A server for tests that hurt it: restart(), kill_connections(), stop(), url, engine."""
    name = str(request.param)
    if name not in _own_servers:
        own = runs.new_server(name, Path(suite_run.folder, f"own-{name}-{os.getpid()}"))
        own.prepare()
        _own_servers[name] = own
    _own_servers[name].start()
    return _own_servers[name]


@pytest.fixture(scope="session")
def _stripe() -> Iterator[StripeServer]:
    with serving_stripe() as stripe:
        yield stripe


@pytest.fixture
def stripe(_stripe: StripeServer) -> StripeServer:
    """Stripe, as a server on this machine that has not been asked anything yet."""
    _stripe.reset()
    return _stripe


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the commands need, into which a revision may be written."""
    for name in ("alembic", "services/flask-backend"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "alembic.ini", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path
