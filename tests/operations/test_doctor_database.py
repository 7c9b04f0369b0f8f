"""The doctor names what is wrong with a database, on each engine where it can be wrong."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from app import clock
from app.operations.doctor import examine
from bilayer.urls import parse_url
from tests.operations.conftest import KEY, Role, diagnose, problems, run_sql, settings_with
from tests.support.proxy import Proxy
from tests.support.servers import Server, render

SERVERS = pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True)
SERVE = {
    "postgresql": (
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    ),
    "mariadb": ("GRANT SELECT, INSERT, UPDATE, DELETE ON `{name}`.* TO '{role}'@'%%'",),
}


def settings_for(env: str) -> dict[str, Any]:
    """Return what a service needs to be in production, or not."""
    if env == "dev":
        return {}
    mail = {"mail_sender": "file", "public_url": "https://app.example.com"}
    return {"env": env, "secret_key": SecretStr(KEY), **mail}


def test_a_migrated_database_has_no_problem(database_url: str, tmp_path: Path) -> None:
    assert problems(diagnose(settings_with(tmp_path, database_url))) == set()


@SERVERS
def test_a_port_where_nobody_listens_is_told(database_url: str, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = render(parse_url(database_url).set(port=free.getsockname()[1]))

        findings = diagnose(settings_with(tmp_path, url))

    assert problems(findings) == {"database_address"}
    assert "nothing listens" in findings["database_address"].sentence
    assert "DATABASE_URL" in findings["database_address"].fix
    assert findings["database_revision"].outcome == "skipped"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """The port of somebody who accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@SERVERS
def test_a_server_that_says_nothing_is_told_in_time(
    database_url: str, tmp_path: Path, silent_port: int
) -> None:
    url = render(parse_url(database_url).set(port=silent_port))

    findings = diagnose(settings_with(tmp_path, url))

    assert problems(findings) == {"database_login"}
    assert "says nothing" in findings["database_login"].sentence


@pytest.mark.parametrize("engine", ["mariadb"], indirect=True)
def test_a_database_that_loses_characters_is_told(
    migrated_database_url: str, tmp_path: Path
) -> None:
    before = diagnose(settings_with(tmp_path, migrated_database_url))["database_text"]
    name = parse_url(migrated_database_url).database
    run_sql(migrated_database_url, f"ALTER DATABASE {name} CHARACTER SET latin1")
    after = diagnose(settings_with(tmp_path, migrated_database_url))["database_text"]

    assert (before.outcome, after.outcome) == ("ok", "warning")
    assert "latin1" in after.sentence


@SERVERS
def test_a_database_that_is_not_there_is_told(database_url: str, tmp_path: Path) -> None:
    url = render(parse_url(database_url).set(database="nothing_here"))

    findings = diagnose(settings_with(tmp_path, url))

    assert problems(findings) == {"database_login"}
    assert findings["database_login"].sentence == "There is no database 'nothing_here'."


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_a_wrong_password_is_told_and_not_shown(asks_passwords: Server, tmp_path: Path) -> None:
    asks_passwords.execute("CREATE ROLE asked LOGIN PASSWORD 'the right one'")
    url = parse_url(asks_passwords.url).set(username="asked", password="a-wrong-one")

    findings = diagnose(settings_with(tmp_path, render(url)))
    asks_passwords.execute("DROP ROLE asked")

    assert problems(findings) == {"database_login"}
    assert findings["database_login"].sentence == "The server refuses the password of role 'asked'."
    assert "a-wrong-one" not in str(findings)


@pytest.mark.parametrize("engine", ["mariadb"], indirect=True)
def test_a_wrong_password_of_a_user_is_told_and_not_shown(role: Role, tmp_path: Path) -> None:
    url = parse_url(role.url).set(password="a-wrong-one")

    findings = diagnose(settings_with(tmp_path, render(url)))

    assert problems(findings) == {"database_login"}
    assert "password" in findings["database_login"].sentence
    assert "a-wrong-one" not in str(findings)


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_secret_is_blotted_out_of_what_others_say(database_url: str, tmp_path: Path) -> None:
    url = parse_url(database_url).set(username="a-canary", password="a-canary")

    found = diagnose(settings_with(tmp_path, render(url)))["database_login"]

    assert found.sentence == "There is no role '***'."


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_server_without_tls_is_told(database_url: str, tmp_path: Path) -> None:
    findings = diagnose(settings_with(tmp_path, f"{database_url}?sslmode=require"))

    assert problems(findings) == {"database_login"}
    assert "TLS fails" in findings["database_login"].sentence
    assert "DATABASE_SSLMODE" in findings["database_login"].fix


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_server_that_falls_silent_after_the_sign_in_is_told_in_time(
    database_url: str, tmp_path: Path
) -> None:
    with Proxy(database_url) as proxy:
        proxy.fall_silent_after(b"ReadyForQuery")

        findings = examine(settings_with(tmp_path, proxy.url), seconds=1)

    silent = {finding.name for finding in findings if finding.sentence == "No answer within 1 s."}
    assert "database_login" in silent
    # What backups need is asked over a connection of its own.
    assert silent <= {"database_login", "backup_tools", "backup_age"}
    assert {finding.name: str(finding.outcome) for finding in findings}["mail"] == "ok"


def test_a_database_that_was_never_migrated_is_told(
    empty_database_url: str, engine: str, tmp_path: Path
) -> None:
    if engine == "sqlite":
        Path(parse_url(empty_database_url).database or "").touch()

    findings = diagnose(settings_with(tmp_path, empty_database_url))

    assert problems(findings) == {"database_revision"}
    assert "backend db upgrade" in findings["database_revision"].fix


def test_a_database_behind_the_code_is_told_with_the_number_of_steps(
    migrated_database_url: str, tmp_path: Path
) -> None:
    run_sql(migrated_database_url, "UPDATE alembic_version SET version_num = '3f9c1d7a42be'")

    findings = diagnose(settings_with(tmp_path, migrated_database_url))

    assert problems(findings) == {"database_revision"}
    assert "behind" in findings["database_revision"].sentence


def test_a_database_ahead_of_the_code_is_worth_a_warning(
    migrated_database_url: str, tmp_path: Path
) -> None:
    run_sql(migrated_database_url, "UPDATE alembic_version SET version_num = 'ffffffffffff'")

    findings = diagnose(settings_with(tmp_path, migrated_database_url))

    assert problems(findings) == set()
    assert findings["database_revision"].outcome == "warning"
    assert "roll-back.md" in findings["database_revision"].fix


def test_a_server_that_takes_no_writes_is_told(server: Server, tmp_path: Path) -> None:
    name = "doctor_read_only"
    url = server.create_database(name)
    is_postgresql = server.engine == "postgresql"
    where = f"ALTER DATABASE {name} SET default_transaction_read_only = "
    server.execute(f"{where}on" if is_postgresql else "SET GLOBAL read_only = ON")

    findings = diagnose(settings_with(tmp_path, url))
    server.execute(f"{where}off" if is_postgresql else "SET GLOBAL read_only = OFF")
    server.drop_database(name)

    assert problems(findings) == {"database_writes", "database_revision"}


@SERVERS
def test_a_role_without_rights_is_told_what_it_lacks(
    role: Role, engine: str, tmp_path: Path
) -> None:
    if engine == "mariadb":  # Whoever has no right in a database there may not even use it.
        role.grant("GRANT SELECT ON `{name}`.alembic_version TO '{role}'@'%%'")

    findings = diagnose(settings_with(tmp_path, role.url))

    assert "database_rights" in problems(findings)
    assert "may not INSERT in" in findings["database_rights"].sentence


@SERVERS
def test_a_role_that_only_serves_is_well(role: Role, engine: str, tmp_path: Path) -> None:
    role.grant(*SERVE[engine])

    findings = diagnose(settings_with(tmp_path, role.url))

    assert problems(findings) == set()
    assert findings["database_rights"].outcome == "ok"


@SERVERS
@pytest.mark.parametrize(("env", "outcome"), [("dev", "warning"), ("prod", "problem")])
def test_a_role_that_may_do_too_much_is_a_problem_in_production(
    role: Role, engine: str, tmp_path: Path, env: str, outcome: str
) -> None:
    more = {
        "postgresql": "ALTER ROLE {role} SUPERUSER",
        "mariadb": "GRANT ALL ON *.* TO '{role}'@'%%'",
    }
    role.grant(more[engine])

    findings = diagnose(settings_with(tmp_path, role.url, workers=1, **settings_for(env)))

    assert findings["database_rights"].outcome == outcome


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_time_outs_are_wanted_on_the_role(role: Role, engine: str, tmp_path: Path) -> None:
    before = diagnose(settings_with(tmp_path, role.url))["database_timeouts"]
    for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
        role.grant(f"ALTER ROLE {{role}} SET {name} = '5s'")
    after = diagnose(settings_with(tmp_path, role.url))["database_timeouts"]

    assert before.outcome == "warning"
    assert "ALTER ROLE" in before.fix
    assert after.outcome == "ok"


@SERVERS
@pytest.mark.parametrize(("env", "outcome"), [("dev", "warning"), ("prod", "problem")])
def test_more_connections_than_the_server_has_are_told(
    role: Role, engine: str, tmp_path: Path, env: str, outcome: str
) -> None:
    role.grant(*SERVE[engine])

    findings = diagnose(settings_with(tmp_path, role.url, workers=200, **settings_for(env)))

    assert findings["database_connections"].outcome == outcome
    assert "6000" in findings["database_connections"].sentence


@SERVERS
def test_a_clock_that_is_right_is_well(database_url: str, tmp_path: Path) -> None:
    assert diagnose(settings_with(tmp_path, database_url))["database_clock"].outcome == "ok"


# A frozen clock falls behind while the doctor is on the way.
@SERVERS
@pytest.mark.parametrize(
    ("seconds", "outcome"), [(-5, "warning"), (30, "warning"), (-300, "problem"), (300, "problem")]
)
def test_a_clock_that_is_off_is_told(
    database_url: str, tmp_path: Path, seconds: int, outcome: str
) -> None:
    with clock.frozen(clock.now() + dt.timedelta(seconds=seconds)):
        found = diagnose(settings_with(tmp_path, database_url))["database_clock"]

    assert found.outcome == outcome


@SERVERS
def test_the_role_that_migrates_is_tried_too(
    role: Role, engine: str, database_url: str, tmp_path: Path
) -> None:
    role.grant(*SERVE[engine])
    other = render(parse_url(role.owner_url).set(database="nothing_here"))

    good = settings_with(tmp_path, role.url, migration_database_url=SecretStr(role.owner_url))
    elsewhere = settings_with(tmp_path, role.url, migration_database_url=SecretStr(database_url))
    missing = settings_with(tmp_path, role.url, migration_database_url=SecretStr(other))

    assert diagnose(good)["migration_role"].outcome == "ok"
    assert "different databases" in diagnose(elsewhere)["migration_role"].sentence
    assert "no database" in diagnose(missing)["migration_role"].sentence


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_a_migrating_role_that_may_not_make_tables_is_told(
    role: Role, engine: str, tmp_path: Path
) -> None:
    role.grant(*SERVE[engine])

    found = diagnose(settings_with(tmp_path, role.url, migration_database_url=SecretStr(role.url)))

    assert "may not create tables" in found["migration_role"].sentence


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_one_of_several_hosts_is_enough(database_url: str, tmp_path: Path) -> None:
    url = parse_url(database_url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{free.getsockname()[1]}", f"127.0.0.1:{url.port}"]
        several = url.set(host=None, port=None).update_query_dict({"host": hosts})

        findings = diagnose(settings_with(tmp_path, render(several)))

    assert findings["database_address"].outcome == "warning"
    assert findings["database_login"].outcome == "ok"


@pytest.mark.parametrize(
    ("content", "check"),
    [
        (b"this is no database, and longer than sixteen bytes", "database_file"),
        (b"SQLite format 3\0" + bytes(5000), "database_integrity"),
    ],
)
def test_a_file_that_is_damaged_is_told(tmp_path: Path, content: bytes, check: str) -> None:
    (tmp_path / "app.db").write_bytes(content)

    assert check in problems(diagnose(settings_with(tmp_path)))


def test_a_file_that_is_not_there_is_told_and_not_made(tmp_path: Path) -> None:
    findings = diagnose(settings_with(tmp_path))

    assert problems(findings) == {"database_file"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_a_page_that_was_overwritten_is_told(migrated_database_url: str, tmp_path: Path) -> None:
    path = Path(parse_url(migrated_database_url).database or "")
    with sa.create_engine(migrated_database_url).connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 4] = b"\xff" * 4096
    path.write_bytes(bytes(content))

    assert "database_integrity" in problems(
        diagnose(settings_with(tmp_path, migrated_database_url))
    )
