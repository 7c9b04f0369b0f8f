"""Two PostgreSQL servers: one that writes, and one that follows it and may take its place."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import sqlalchemy as sa

from tests.support import run as runs
from tests.support.processes import ServerProcess
from tests.support.servers import PostgreSQLServer, Server, render

_CATCH_UP_SECONDS = 20


@dataclass
class Cluster:
    """A primary and its standby, both running."""

    primary: Server
    standby: Server

    def follow_closely(self) -> None:
        """Let every commit wait for the standby: nothing acknowledged is lost with the primary."""
        self.primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self.primary.execute("SELECT pg_reload_conf()")
        self._wait("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'")

    def catch_up(self) -> None:
        """Wait until the standby has everything."""
        self._wait(
            "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn = pg_current_wal_lsn()"
        )

    def promote(self) -> None:
        """Let the standby take the primary's place."""
        self.standby.execute("SELECT pg_promote()")

    def url_of_both(self, name: str, role: str) -> str:
        """Return the URL by which libpq finds the one that writes."""
        hosts = tuple(f"127.0.0.1:{port_of(each)}" for each in (self.primary, self.standby))
        return render(
            sa.URL.create("postgresql", username=role, database=name, query={"host": hosts})
        )

    def stop(self) -> None:
        """Stop both."""
        for each in (self.standby, self.primary):
            each.stop()

    def _wait(self, query: str) -> None:
        deadline = time.monotonic() + _CATCH_UP_SECONDS
        with self.primary.connect() as connection:
            while connection.exec_driver_sql(query).scalar() != 1:
                assert time.monotonic() < deadline, "the standby does not follow"
                time.sleep(0.02)


def start_cluster(folder: Path) -> Cluster:
    """Make and start a primary and a standby below a folder that their user can read."""
    primary = runs.new_server("postgresql", folder / "primary")
    primary.prepare()
    primary.start()
    standby = runs.new_server("postgresql", folder / "standby")
    standby.process = _follower(standby, port_of(primary))
    standby.prepare()
    standby.start()
    assert isinstance(standby, PostgreSQLServer)
    return Cluster(primary, standby)


def port_of(server: Server) -> int:
    """Return where a server listens."""
    assert server.process is not None
    return server.process.port


def _follower(standby: Server, port: int) -> ServerProcess:
    """Copy the primary's files instead of making new ones."""
    process = standby.process
    assert process is not None
    copy = Path(process.install[0]).with_name("pg_basebackup")
    install = [str(copy), "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-R"]
    install += ["-D", str(process.folder / "data"), "-c", "fast", "--no-sync", "-X", "stream"]
    return replace(process, install=install)
