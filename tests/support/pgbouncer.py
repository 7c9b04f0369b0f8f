"""PgBouncer in transaction mode, in front of a PostgreSQL server of the suite."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from tests.support.processes import ServerProcess, take_folder

_START_SECONDS = 30
_SEARCH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
CONFIGURATION = """\
[databases]
* = host={host} port={port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen_port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 500
ignore_startup_parameters = extra_float_digits, options
"""


def find_pgbouncer() -> str | None:
    """Return the program's path, if it is installed."""
    return shutil.which("pgbouncer", path=_SEARCH)


@contextmanager
def pooling(server: sa.URL, folder: Path, *, pool_size: int) -> Iterator[int]:
    """Run PgBouncer in front of a server until the block ends; lend its port."""
    port, _ = take_folder(folder)
    settings = CONFIGURATION.format(
        host=server.host,
        port=server.port,
        listen_port=port,
        folder=folder,
        pool_size=pool_size,
    )
    (folder / "pgbouncer.ini").write_text(settings)
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
