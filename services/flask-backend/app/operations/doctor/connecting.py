"""The way to a database server: its name, its port, TLS, the role and the database.

Tells apart where the way ends. What the server says of itself is asked elsewhere.
"""

import socket
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from app.operations.doctor.findings import Finding, skipped, warn, well, wrong
from app.operations.refusals import find_refusal
from bilayer.errors import BilayerError
from bilayer.runtime.engines import mysql, postgresql
from bilayer.runtime.options import ConnectOptions
from bilayer.urls import engine_name

CONNECT_SECONDS: Final = 3.0

_CREATE: Final = {"postgresql": postgresql.create_engine, "mysql": mysql.create_engine}
_PORTS: Final = {"postgresql": 5432, "mysql": 3306}


@dataclass(frozen=True, slots=True)
class Way:
    """Where a database is, and the setting to blame if it is not there."""

    url: sa.URL
    setting: str

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Each host and port of the URL; none if it names a socket of this machine."""
        port = self.url.port or _PORTS[engine_name(self.url.drivername)]
        asked = self.url.query.get("host", ())
        hosts = [asked] if isinstance(asked, str) else list(asked)
        hosts += (self.url.host or "").split(",")
        found = [
            host.rpartition(":") if host.count(":") == 1 else (host, "", port) for host in hosts
        ]
        return [(name, int(at)) for name, _, at in found if name and not name.startswith("/")]

    @property
    def is_over_network(self) -> bool:
        """Whether what is said passes other machines."""
        local = ("localhost", "127.0.0.1", "::1")
        return any(host not in local for host, _ in self.addresses)


def open_connection(way: Way) -> Generator[Finding, None, sa.Connection | None]:
    """Yield ``database_address`` and ``database_login``; return the connection if there is one."""
    found = find_address(way)
    yield found
    if found.outcome == "problem":
        return None
    found, connection = sign_in(way)
    yield found
    return connection


def sign_in(way: Way) -> tuple[Finding, sa.Connection | None]:
    """Open a connection just as the service does, so that it is refused what the service is."""
    options = ConnectOptions(
        pool_size=1,
        max_overflow=0,
        connect_timeout=CONNECT_SECONDS,
        application_name="backend doctor",
    )
    engine = _CREATE[engine_name(way.url.drivername)](way.url, options)
    try:
        connection = engine.connect()
    except sa.exc.DBAPIError as error:
        return _refused(str(error.orig), way), None
    except BilayerError as error:
        fix = "Make the database anew: docs/operations/production.md."
        return wrong("database_login", f"{error}.", fix), None
    name = f"database {way.url.database!r} as {way.url.username!r}"
    return well("database_login", f"The server lets us into {name}."), connection


@contextmanager
def hanging_up(connection: sa.Connection) -> Iterator[sa.Connection]:
    """Close a connection in the end, whatever it came to; says nothing more to the server."""
    try:
        yield connection
    finally:
        # A server that went away would have to answer a rollback; this closes the socket.
        connection.invalidate()
        connection.close()


def _refused(text: str, way: Way) -> Finding:
    found = find_refusal(text, way.url.drivername)
    # What went wrong, without the address that stands before it.
    line = text.strip().splitlines()[-1] if text.strip() else "no reason was given"
    facts = {
        "role": way.url.username,
        "name": way.url.database,
        "setting": way.setting,
        "text": line.rpartition("failed: ")[2],
    }
    return wrong("database_login", found.sentence.format(**facts), found.fix.format(**facts))


def find_address(way: Way) -> Finding:
    """Try the name and the port of each host: one that answers is enough."""
    failures = {f"{host}:{port}": _try(host, port) for host, port in way.addresses}
    failed = {place: failure for place, failure in failures.items() if failure}
    listed = "; ".join(f"{place}: {failure}" for place, failure in failed.items())
    if failures and len(failed) == len(failures):
        return wrong("database_address", f"{listed}.", _fix(failed.values(), way.setting))
    if failed:
        return warn("database_address", f"{listed}.", _fix(failed.values(), way.setting))
    if not failures:
        return skipped("database_address", "The database has a socket on this machine.")
    return well("database_address", f"{', '.join(failures)} can be reached.")


def _try(host: str, port: int) -> str | None:
    try:
        socket.create_connection((host, port), CONNECT_SECONDS).close()
    except socket.gaierror:
        return "no machine has this name"
    except ConnectionRefusedError:
        return "the machine is there, and nothing listens on this port"
    except TimeoutError:
        return f"no answer within {CONNECT_SECONDS:g} s"
    except OSError as error:
        return str(error.strerror or type(error).__name__)
    return None


def _fix(failures: Iterable[str], setting: str) -> str:
    text = " ".join(failures)
    if "name" in text:
        return f"Correct the host in {setting}, or the DNS of this machine."
    if "listens" in text:
        return f"Start the server, or correct the port in {setting}; see listen_addresses."
    return "Look at firewalls and routes between this machine and the server."
