"""The container's first command: it waits, migrates, forgets the owner and serves."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from bilayer import migrate
from tests.container.conftest import PASSWORDS, Roles
from tests.container.dockerfile import SERVICE
from tests.container.processes import bare, environ_of, started
from tests.support.backend import running
from tests.support.databases import ROOT, migrated_database
from tests.support.production import PRODUCTION
from tests.support.run import Run

ENTRYPOINT = SERVICE / "entrypoint.sh"
on_postgresql = pytest.mark.parametrize("server", ["postgresql"], indirect=True)


@pytest.fixture
def variables(new_roles: Roles, tmp_path: Path) -> dict[str, str]:
    """The environment of a container, for a database that was never migrated."""
    scripts = Path(sys.executable).parent
    settings = PRODUCTION | {
        "DATABASE_URL": new_roles.url("rw"),
        "MIGRATION_DATABASE_URL": new_roles.url("owner"),
        "DATA_DIR": str(tmp_path / "data"),
        "PORT": "0",
        "WORKERS": "1",
    }
    environment = bare(**settings)
    return environment | {"PATH": f"{scripts}:{environment['PATH']}"}


@pytest.fixture
def impatient(tmp_path: Path) -> Path:
    """The script, in a checkout where it waits for a second only."""
    for name in ("alembic", "alembic.ini", "services/flask-backend/app"):
        (tmp_path / "app" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "app" / name).symlink_to(ROOT / name)
    copy = tmp_path / "app/services/flask-backend/entrypoint.sh"
    copy.write_text(ENTRYPOINT.read_text().replace("WAIT_SECONDS=60", "WAIT_SECONDS=1"))
    shutil.copymode(ENTRYPOINT, copy)
    return copy


def run(script: Path, environment: dict[str, str], *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [script, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def test_it_migrates_as_the_owner_and_serves_as_the_other_role(
    new_roles: Roles, variables: dict[str, str], tmp_path: Path
) -> None:
    with started([ENTRYPOINT, "serve"], tmp_path, variables) as container:
        container.wait_for("listening")
        owners = new_roles.execute("rw", WHO_OWNS[new_roles.server.engine])
        processes = [environ_of(pid) for pid in container.family()]
        container.process.send_signal(signal.SIGTERM)
        code = container.process.wait(60)

    assert len(processes) == 2
    assert all("app_rw" in text for text in processes)
    assert not any("MIGRATION" in text or "app_owner" in text for text in processes)
    assert PASSWORDS["owner"] not in container.output.read_text()
    assert owners in ([("app_owner",)], [("users",)])
    assert code == 0


WHO_OWNS = {
    "postgresql": "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'",
    "mariadb": "SELECT table_name FROM information_schema.tables"
    " WHERE table_schema = database() AND table_name = 'users'",
}


@on_postgresql
def test_it_waits_for_a_database_that_is_starting(
    new_roles: Roles, variables: dict[str, str], tmp_path: Path
) -> None:
    new_roles.server.stop()
    try:
        with started([ENTRYPOINT, "serve"], tmp_path, variables) as container:
            with pytest.raises(subprocess.TimeoutExpired):
                container.process.wait(3)
            new_roles.server.start()
            container.wait_for("listening")
    finally:
        new_roles.server.start()


@on_postgresql
def test_database_that_stays_away_is_told_in_one_line(
    variables: dict[str, str], impatient: Path
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # Does not listen.
        url = sa.make_url(variables["MIGRATION_DATABASE_URL"]).set(port=nobody.getsockname()[1])
        variables["MIGRATION_DATABASE_URL"] = url.render_as_string(hide_password=False)

        code, said = run(impatient, variables)

    assert code == 1
    assert said.startswith("entrypoint: no database after 1 s: ")
    assert said.count("\n") == 1
    assert PASSWORDS["owner"] not in said


@on_postgresql
def test_wrong_setting_is_told_at_once_and_nothing_is_migrated(
    new_roles: Roles, variables: dict[str, str]
) -> None:
    code, said = run(ENTRYPOINT, variables | {"SECRET_KEY": "short"})

    assert (code, said) == (
        1, "entrypoint: SECRET_KEY must have at least 32 random characters\n",
    )  # fmt: skip
    assert migrate.current(new_roles.url("owner")) == ()


@on_postgresql
def test_role_that_may_not_migrate_ends_the_start(
    new_roles: Roles, variables: dict[str, str]
) -> None:
    code, said = run(ENTRYPOINT, variables | {"MIGRATION_DATABASE_URL": new_roles.url("rw")})

    assert code == 1
    assert said.endswith("entrypoint: the database was not migrated; the reason stands above.\n")
    assert migrate.current(new_roles.url("owner")) == ()


@on_postgresql
def test_owner_is_not_needed_when_there_is_nothing_to_migrate(
    roles: Roles, variables: dict[str, str], tmp_path: Path
) -> None:
    variables |= {"DATABASE_URL": roles.url("rw"), "MIGRATION_DATABASE_URL": ""}

    with started([ENTRYPOINT], tmp_path, variables) as container:
        container.wait_for("listening")


@on_postgresql
def test_release_that_is_rolled_back_starts_on_the_newer_database(
    new_roles: Roles, variables: dict[str, str], tmp_path: Path
) -> None:
    new_roles.execute("owner", "INSERT INTO alembic_version VALUES ('f00000000000')")

    with started([ENTRYPOINT], tmp_path, variables) as container:
        said = container.wait_for("listening")

    assert "entrypoint: not migrating, the database is at f00000000000 (unknown" in said


@on_postgresql
def test_owner_in_a_file_works_and_is_warned_of(variables: dict[str, str], tmp_path: Path) -> None:
    path = tmp_path / "owner"
    path.write_text(variables.pop("MIGRATION_DATABASE_URL"))
    variables["MIGRATION_DATABASE_URL_FILE"] = str(path)

    with started([ENTRYPOINT], tmp_path, variables) as container:
        said = container.wait_for("listening")
        processes = [environ_of(pid) for pid in container.family()]

    assert "MIGRATION_DATABASE_URL_FILE stays readable for the service" in said
    assert not any("MIGRATION" in text for text in processes)


@on_postgresql
def test_migrating_alone_serves_nobody(
    new_roles: Roles, variables: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "owner"
    path.write_text(variables.pop("MIGRATION_DATABASE_URL"))
    variables["MIGRATION_DATABASE_URL_FILE"] = str(path)

    first, again = run(ENTRYPOINT, variables, "migrate"), run(ENTRYPOINT, variables, "migrate")

    assert (first[0], again[0]) == (0, 0)
    assert "stays readable" not in first[1]
    assert "Nothing to do" in again[1]
    assert len(migrate.current(new_roles.url("owner"))) == 1


def test_any_other_command_is_run_as_it_is(tmp_path: Path) -> None:
    code, said = run(ENTRYPOINT, bare(), "sh", "-c", 'echo "$1" >&2; exit 7', "sh", "two words")

    assert (code, said) == (7, "two words\n")


@on_postgresql
def test_stop_while_it_waits_is_obeyed(
    variables: dict[str, str], impatient: Path, tmp_path: Path
) -> None:
    impatient.write_text(ENTRYPOINT.read_text())
    variables["MIGRATION_DATABASE_URL"] = "postgresql://app_owner:unguessable@127.0.0.1:1/app"
    with started([impatient], tmp_path, variables) as container:
        with pytest.raises(subprocess.TimeoutExpired):
            container.process.wait(1)
        container.process.send_signal(signal.SIGTERM)

        assert container.process.wait(30) == 143


def healthcheck(port: int, path: str = "/healthz") -> tuple[int, str]:
    return run(Path(sys.executable), bare(PORT=str(port)), str(SERVICE / "healthcheck.py"), path)


def test_healthcheck_tells_whether_the_service_answers(suite_run: Run, tmp_path: Path) -> None:
    with migrated_database(suite_run, "sqlite") as url, running(url, tmp_path) as backend:
        answers = [healthcheck(backend.port, path) for path in ("/healthz", "/readyz", "/none")]

    assert answers == [(0, ""), (0, ""), (1, "status 404\n")]
    assert healthcheck(backend.port) == (1, "no answer: ConnectionRefusedError\n")


def test_script_is_for_any_shell(shellcheck: Callable[[Path], str]) -> None:
    assert shellcheck(ENTRYPOINT) == ""
