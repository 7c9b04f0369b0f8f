"""TLS to the database: the right certificate serves, any other refuses the start.

A database that is away is waited for; one that cannot prove who it is never becomes right by
waiting, in development either.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from app.operations.backup.engines import ENGINES
from app.operations.backup.errors import BackupError
from bilayer.urls import parse_url
from tests.support.backend import running
from tests.support.databases import migrate
from tests.support.processes import mariadb_process, postgresql_process
from tests.support.production import PRODUCTION
from tests.support.run import Run, own_server_engines
from tests.support.servers import MariaDBServer, PostgreSQLServer, Server, render

NAME = "localhost"
"""The name in the server's certificate; the address 127.0.0.1 is not in it."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trusted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate to be believed, as a file."""
    path = tmp_path_factory.mktemp("trusted") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture(scope="module", params=own_server_engines())
def tls_server(
    request: pytest.FixtureRequest,
    authority: trustme.CA,
    suite_run: Run,
) -> Iterator[Server]:
    """A server that speaks TLS, with a certificate of the authority."""
    folder = Path(suite_run.folder, f"tls-{request.param}-{os.getpid()}")
    is_postgresql = request.param == "postgresql"
    process = postgresql_process(folder) if is_postgresql else mariadb_process(folder)
    process.prepare()
    certificate, key = folder / "server.pem", folder / "server.key"
    issued = authority.issue_cert(NAME)
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    for path in (certificate, key):
        os.chown(path, folder.stat().st_uid, folder.stat().st_gid)
    if is_postgresql:
        settings = ("ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={key}")
        process.serve += [part for setting in settings for part in ("-c", setting)]
    else:
        process.serve += [f"--ssl-cert={certificate}", f"--ssl-key={key}"]
    kind, user = (PostgreSQLServer, "postgres") if is_postgresql else (MariaDBServer, "root")
    scheme, database = ("postgresql", "postgres") if is_postgresql else ("mysql", "mysql")
    server = kind(f"{scheme}://{user}@127.0.0.1:{process.port}/{database}", process)
    server.start()
    yield server
    server.stop()


def url_of(server: Server, ca: Path, *, host: str = NAME) -> str:
    """Return the server's address, with the demand that it proves who it is."""
    proofs = (
        {"sslmode": "verify-full", "sslrootcert": str(ca)}
        if server.engine == "postgresql"
        else {"ssl_ca": str(ca)}
    )
    return render(server.maintenance.set(host=host).update_query_dict(proofs))


def start(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Start the service, which is expected to refuse."""
    return subprocess.run(
        [sys.executable, "-c", "from app.cli import main; main()", "serve"],
        env={**os.environ, "DATA_DIR": str(folder), "PORT": "0", **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def test_right_certificate_serves(
    tls_server: Server, trusted: Path, tmp_path: Path, suite_run: Run
) -> None:
    name = suite_run.new_name()
    tls_server.create_database(name)
    migrate(render(tls_server.maintenance.set(database=name)))
    url = url_of(tls_server, trusted).replace(f"/{tls_server.maintenance.database}?", f"/{name}?")

    with running(url, tmp_path) as backend, backend.client() as client:
        assert client.get("/readyz").json()["state"] == "ready"


@pytest.mark.parametrize("environment", [{}, PRODUCTION], ids=["dev", "prod"])
def test_certificate_of_another_authority_refuses_the_start(
    tls_server: Server, tmp_path: Path, environment: dict[str, str]
) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)

    refused = start(
        tmp_path, DATABASE_URL=with_password(url_of(tls_server, stranger)), **environment
    )

    assert_refused(refused, "certificate")


@pytest.mark.parametrize("environment", [{}, PRODUCTION], ids=["dev", "prod"])
def test_certificate_for_another_name_refuses_the_start(
    tls_server: Server, trusted: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    url = with_password(url_of(tls_server, trusted, host="127.0.0.1"))

    assert_refused(start(tmp_path, DATABASE_URL=url, **environment), "certificate")


@pytest.mark.parametrize("environment", [{}, PRODUCTION], ids=["dev", "prod"])
def test_server_without_tls_refuses_the_start(
    server: Server, trusted: Path, tmp_path: Path, environment: dict[str, str]
) -> None:
    url = with_password(url_of(server, trusted, host="127.0.0.1"))

    assert_refused(start(tmp_path, DATABASE_URL=url, **environment), "TLS")


def test_the_settings_apart_from_a_url_say_the_same(tls_server: Server, tmp_path: Path) -> None:
    if tls_server.engine != "postgresql":
        pytest.skip("DATABASE_HOST stands for PostgreSQL")
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)

    refused = start(
        tmp_path,
        DATABASE_HOST=NAME,
        DATABASE_PORT=str(tls_server.maintenance.port),
        DATABASE_NAME="postgres",
        DATABASE_USER="postgres",
        DATABASE_SSLMODE="verify-full",
        DATABASE_SSLROOTCERT=str(stranger),
    )

    assert_refused(refused, "certificate", setting="DATABASE_SSLROOTCERT")


def test_database_that_is_away_does_not_refuse_the_start(
    trusted: Path, tmp_path: Path, unused_port: int
) -> None:
    url = f"postgresql://app@localhost:{unused_port}/app?sslmode=verify-full&sslrootcert={trusted}"

    with running(url, tmp_path) as backend, backend.client() as client:
        assert client.get("/readyz").status_code == 503


@pytest.fixture
def unused_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def with_password(url: str) -> str:
    """Give a password, which production asks for; TLS comes before anybody looks at it."""
    return url.replace("@", ":unguessable words@", 1)


def assert_refused(
    refused: subprocess.CompletedProcess[str], word: str, *, setting: str = "DATABASE_URL"
) -> None:
    said = refused.stderr.strip().splitlines()
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert len(said) == 1, refused.stderr
    assert setting in said[0]
    assert word in said[0]


def test_tools_of_backups_ask_for_the_same_proofs(
    tls_server: Server, trusted: Path, tmp_path: Path
) -> None:
    if tls_server.engine == "postgresql":
        pytest.skip("its tools read the same words as the service's driver")
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)

    def load(ca: Path, host: str) -> None:
        url = parse_url(url_of(tls_server, ca, host=host))
        ENGINES["mysql"].load(url, lambda _: None, tmp_path, dumped_with="")

    load(trusted, NAME)
    for ca, host in ((stranger, NAME), (trusted, "127.0.0.1")):
        with pytest.raises(BackupError, match=r"certificate|TLS|SSL"):
            load(ca, host)
