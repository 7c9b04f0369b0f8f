"""``backend users`` on each engine."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.config import get_settings
from app.usecases import signing_in
from app.usecases.sessions import Client
from app.vocabulary import Role
from tests.factories import PASSWORD, make_user
from tests.support.service import connected, settings_for

EMAIL = "admin@example.com"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch, database_url: str) -> Iterator[None]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def create_admin(*arguments: str) -> Result:
    command = ["users", "create-admin", *arguments]
    return CliRunner().invoke(main, command, catch_exceptions=False)


def role_of_login(url: str, folder: Path, password: str) -> str:
    with connected(settings_for(url, folder)):
        signed_in = signing_in.login(email=EMAIL, password=password, client=Client())
        return str(signed_in.user["role"])


def test_admin_can_sign_in_with_the_printed_password(database_url: str, tmp_path: Path) -> None:
    result = create_admin("--email", EMAIL)

    assert result.exit_code == 0
    password = result.stdout.rsplit(" ", 1)[1].strip()
    assert role_of_login(database_url, tmp_path, password) == Role.ADMIN


def test_admin_can_sign_in_with_the_password_of_the_file(database_url: str, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\n")

    result = create_admin("--email", EMAIL, "--password-file", str(path), "--json")

    facts = json.loads(result.stdout)
    assert (facts["created"], facts["email"], "password" in facts) == (True, EMAIL, False)
    assert PASSWORD not in result.output
    assert role_of_login(database_url, tmp_path, PASSWORD) == Role.ADMIN


def test_second_admin_is_not_made_where_one_is_enough() -> None:
    first = create_admin("--email", EMAIL, "--if-none", "--json")
    second = create_admin("--email", "other@example.com", "--if-none", "--json")

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert json.loads(first.stdout)["created"] is True
    assert json.loads(second.stdout) == {"created": False}


def test_admins_made_at_once_are_one(database_url: str) -> None:
    command = [
        sys.executable, "-c", "from app.cli import main; main()",
        "users", "create-admin", "--email", EMAIL, "--if-none", "--json",
    ]  # fmt: skip
    environment = os.environ | {"DATABASE_URL": database_url}

    started = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(4)]
    answers = [process.communicate(timeout=60)[0] for process in started]

    assert [process.returncode for process in started] == [0, 0, 0, 0]
    assert [json.loads(answer)["created"] for answer in answers].count(True) == 1


def test_email_of_somebody_who_is_no_admin_is_a_sentence(database_url: str, tmp_path: Path) -> None:
    with connected(settings_for(database_url, tmp_path)):
        make_user(email=EMAIL)

    result = create_admin("--email", EMAIL, "--if-none")

    assert result.exit_code == 1
    assert "choose another one" in result.stderr
    assert create_admin("--email", "boss@example.com", "--if-none").exit_code == 0


def test_taken_email_is_a_sentence_and_exit_code_1() -> None:
    create_admin("--email", EMAIL)

    result = create_admin("--email", EMAIL.upper())

    assert result.exit_code == 1
    assert "e-mail" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(("email", "password"), [("nobody", PASSWORD), (EMAIL, "12345678")])
def test_bad_email_or_password_is_exit_code_1(email: str, password: str, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text(password)

    result = create_admin("--email", email, "--password-file", str(path))

    assert result.exit_code == 1
    assert ("email" in result.stderr) or ("password" in result.stderr)
    assert password not in result.output


def test_database_that_is_not_migrated_is_a_sentence(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    get_settings.cache_clear()

    result = create_admin("--email", EMAIL)

    assert result.exit_code == 1
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "arguments", [(), ("--email",), ("--email", EMAIL, "--password-file", "/nonexistent")]
)
def test_wrong_use_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert create_admin(*arguments).exit_code == 2
