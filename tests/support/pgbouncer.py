"""PgBouncer in transaction mode, in front of a PostgreSQL server of the suite."""

from __future__ import annotations

import configparser
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tests.architecture.documents import blocks
from tests.support.databases import ROOT
from tests.support.processes import ServerProcess, take_folder

_START_SECONDS = 30
_SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
_PAGE = ROOT / "docs/operations/pgbouncer.md"


def find_pgbouncer() -> str | None:
    """Return the program's path, if it is installed."""
    return shutil.which("pgbouncer", path=_SEARCH)


@contextmanager
def pooling(server: sa.URL, folder: Path, *, pool_size: int, **others: str) -> Iterator[int]:
    """Run PgBouncer in front of a server until the block ends; lend its port."""
    port, _ = take_folder(folder)
    with (folder / "pgbouncer.ini").open("w") as file:
        found = _configuration(server, folder, port, pool_size)
        found["pgbouncer"].update(others)
        found.write(file)
    (folder / "users.txt").write_text(f'"{server.username}" ""\n')
    program = find_pgbouncer()
    assert program is not None
    process = ServerProcess(
        folder,
        port,
        install=[],
        serve=[program, str(folder / "pgbouncer.ini")],
        stop_signal=signal.SIGINT,
    )
    process.start()
    try:
        _wait_until_it_listens(process)
        yield port
    finally:
        process.stop(signal.SIGKILL)


def _wait_until_it_listens(process: ServerProcess) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", process.port), 1).close()
        except ConnectionRefusedError:
            assert process.is_running(), process.log.read_text()
            assert time.monotonic() < deadline, process.log.read_text()
            time.sleep(0.02)
        else:
            return


def _configuration(
    server: sa.URL, folder: Path, port: int, pool_size: int
) -> configparser.RawConfigParser:
    """Return the configuration that the page for operators shows, with places of the suite."""
    (block,) = (block for block in blocks(_PAGE) if block.language == "ini")
    found = configparser.RawConfigParser()
    found.read_string(block.text)
    found["databases"] = {"*": f"host={server.host} port={server.port}"}
    found["pgbouncer"].update(
        {
            "listen_port": str(port),
            "unix_socket_dir": "",
            "auth_type": "trust",
            "auth_file": str(folder / "users.txt"),
            "default_pool_size": str(pool_size),
        }
    )
    return found
