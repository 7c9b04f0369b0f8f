"""The doctor goes to the mail server as the sender would, and sends nothing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr

from app.operations.doctor.findings import Finding
from app.operations.doctor.mail import look
from tests.operations.conftest import settings_with


def examine_mail(folder: Path, **settings: Any) -> Finding:
    (found,) = look(settings_with(folder, mail_sender="smtp", **settings))
    return found


@pytest.fixture
def mail_port() -> Iterator[int]:
    """A mail server that knows one password and speaks no TLS."""

    def judge(_server: Any, _session: Any, _envelope: Any, _kind: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == b"the right one", handled=False)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(
        Sink(),
        hostname="127.0.0.1",
        port=port,
        authenticator=judge,
        auth_require_tls=False,
    )
    server.start()
    yield port
    server.stop()


def test_a_mail_server_that_takes_mail_is_well(tmp_path: Path, mail_port: int) -> None:
    found = examine_mail(
        tmp_path,
        smtp_host="127.0.0.1",
        smtp_port=mail_port,
        smtp_security="none",
        smtp_user="app",
        smtp_password=SecretStr("the right one"),
    )

    assert found.outcome == "ok"


def test_a_wrong_password_is_told(tmp_path: Path, mail_port: int) -> None:
    found = examine_mail(
        tmp_path,
        smtp_host="127.0.0.1",
        smtp_port=mail_port,
        smtp_security="none",
        smtp_user="app",
        smtp_password=SecretStr("a wrong one"),
    )

    assert found.outcome == "problem"
    assert "SMTP_PASSWORD" in found.fix
    assert "a wrong one" not in str(found)


def test_a_server_without_starttls_is_told(tmp_path: Path, mail_port: int) -> None:
    found = examine_mail(tmp_path, smtp_host="127.0.0.1", smtp_port=mail_port)

    assert found.outcome == "problem"
    assert "SMTP_SECURITY" in found.fix


def test_nobody_there_is_told(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = examine_mail(tmp_path, smtp_host="127.0.0.1", smtp_port=free.getsockname()[1])

    assert found.outcome == "problem"
    assert "ConnectionRefusedError" in found.sentence


def test_a_folder_for_mails_that_cannot_be_written_to_is_told() -> None:
    (found,) = look(settings_with(Path("/proc/self/nowhere"), mail_sender="file"))

    assert found.outcome == "problem"
    assert "MAIL_DIR" in found.fix


def test_mails_on_the_console_are_well(tmp_path: Path) -> None:
    (found,) = look(settings_with(tmp_path))

    assert found.outcome == "ok"
