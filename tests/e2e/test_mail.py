"""Mails of the running service: they leave by TLS, and neither an outage nor a kill loses one."""

import os
import re
import signal
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import trustme

from tests.factories import PASSWORD, new_email
from tests.support.backend import Backend, running
from tests.support.mail_server import MailServer, serving_mail

SITE = "https://product.example"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who signs the mail server's certificate."""
    return trustme.CA()


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    """The mail server's certificate."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@contextmanager
def mailing(
    url: str, folder: Path, authority: trustme.CA, port: int, delivery: str = "workers"
) -> Iterator[Backend]:
    """Run the service with a mail server at a port of this machine."""
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    with running(
        url,
        folder,
        WORKERS="1",
        PUBLIC_URL=SITE,
        MAIL_DELIVERY=delivery,
        MAIL_SENDER="smtp",
        MAIL_FROM="no-reply@product.example",
        SMTP_HOST="localhost",
        SMTP_PORT=str(port),
        SSL_CERT_FILE=str(folder / "authority.pem"),
    ) as backend:
        yield backend


def sign_up(backend: Backend) -> str:
    email = new_email()
    with backend.client() as client:
        body = {"email": email, "password": PASSWORD}
        assert client.post("/api/v1/auth/register", json=body).status_code == 201
    return email


def wait_until(is_so: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def verify(backend: Backend, mail: EmailMessage) -> httpx.Response:
    token = re.findall(rf"{SITE}/verify-email#token=(\S+)", mail.get_content())[0]
    with backend.client() as client:
        return client.post("/api/v1/auth/email/verify", json={"token": token})


def wait_for_another_attempt(url: str, is_so: Callable[[], Any]) -> None:
    """Wait for what the next attempt brings about, without the pause before it."""
    statement = sa.text("UPDATE mail_outbox SET next_attempt_at = created_at")

    def is_so_or_due() -> Any:
        with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
            connection.execute(statement)
        time.sleep(0.5)
        return is_so()

    wait_until(is_so_or_due)


def attempts(url: str) -> list[int]:
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        return list(connection.scalars(sa.text("SELECT attempts FROM mail_outbox")))


def test_mail_of_a_registration_leaves_at_once_and_its_link_works(
    database_url: str, tmp_path: Path, authority: trustme.CA, context: ssl.SSLContext
) -> None:
    with (
        serving_mail("starttls", context) as server,
        mailing(database_url, tmp_path, authority, server.port) as backend,
    ):
        email = sign_up(backend)
        wait_until(lambda: server.mails)

        assert server.mails[0]["To"] == email
        assert verify(backend, server.mails[0]).json() == {"status": "verified"}
        wait_until(lambda: attempts(database_url) == [])
        with backend.client() as client:
            metrics = client.get("/metrics").text.splitlines()
        assert 'mail_sent_total{outcome="sent"} 1.0' in metrics
        assert "mail_outbox_pending 0.0" in metrics
        assert backend.stop() == 0
        assert email not in str(backend.log)


@pytest.mark.slow
def test_mail_waits_for_a_server_that_is_down(
    database_url: str, tmp_path: Path, authority: trustme.CA, context: ssl.SSLContext
) -> None:
    with serving_mail("starttls", context) as server:
        port = server.port
    with mailing(database_url, tmp_path, authority, port) as backend:
        sign_up(backend)
        wait_until(lambda: attempts(database_url) == [1])
        with serving_mail("starttls", context, port=port) as server:
            wait_for_another_attempt(database_url, lambda: server.mails)

            assert verify(backend, server.mails[0]).status_code == 200


@pytest.mark.slow
def test_mail_of_a_worker_that_is_killed_is_sent_by_the_next_one(
    database_url: str, tmp_path: Path, authority: trustme.CA, context: ssl.SSLContext
) -> None:
    class Holding(MailServer):
        """Keeps the first mail, and never says that it has it."""

        def take(self, mail: EmailMessage) -> None:
            super().take(mail)
            if len(self.mails) == 1:
                released.wait(30)

    released = threading.Event()
    with (
        serving_mail("starttls", context, kind=Holding) as server,
        mailing(database_url, tmp_path, authority, server.port) as backend,
    ):
        sign_up(backend)
        wait_until(lambda: server.mails)
        os.kill(backend.workers()[0], signal.SIGKILL)
        released.set()
        wait_for_another_attempt(database_url, lambda: len(server.mails) > 1)

        first, second = server.mails[:2]
        assert first["Message-ID"] == second["Message-ID"]
        assert verify(backend, second).status_code == 200


def test_mail_waits_for_the_command_where_workers_send_none(
    database_url: str, tmp_path: Path, authority: trustme.CA, context: ssl.SSLContext
) -> None:
    with (
        serving_mail("starttls", context) as server,
        mailing(database_url, tmp_path, authority, server.port, "command") as backend,
    ):
        sign_up(backend)

        assert backend.stop() == 0
        assert server.mails == []
        assert attempts(database_url) == [0]
