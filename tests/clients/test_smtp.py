"""Mail by SMTP, to real servers: encrypted, with a certificate that is checked, or not at all."""

import socket
import threading
from email.message import EmailMessage
from typing import Any

import pytest

from app.clients import smtp
from app.clients.mail import MailDelayed, MailRefused, MailServerDown
from app.clients.smtp import SMTPSender
from tests.clients.conftest import Serve
from tests.support.mail_server import PASSWORD, USER

SECURITIES = ["starttls", "tls", "none"]


def mail(to: str = "ada@example.com") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Product <no-reply@product.example>"
    message["To"] = to
    message["Subject"] = "Hello"
    message["Message-ID"] = "<1@product.example>"
    message.set_content("A link: https://product.example/#token=x\n")
    return message


def sender(port: int, security: Any, **options: Any) -> SMTPSender:
    return SMTPSender("localhost", port, security=security, **options)


@pytest.mark.parametrize("security", SECURITIES)
def test_mail_arrives_as_it_was_written(serve: Serve, security: str) -> None:
    with serve(security) as server:
        sender(server.port, security).send(mail())

    [arrived] = server.mails
    assert arrived["To"] == "ada@example.com"
    assert arrived["Message-ID"] == "<1@product.example>"
    assert "https://product.example/#token=x" in arrived.get_content()


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_server_with_a_certificate_for_another_name_gets_nothing(
    serve: Serve, security: str
) -> None:
    with serve(security, "other.example") as server, pytest.raises(MailServerDown) as refused:
        sender(server.port, security, user=USER, password=PASSWORD).send(mail())

    assert "SSLCertVerificationError" in str(refused.value)
    assert server.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_server_that_nobody_vouches_for_gets_nothing(
    serve: Serve, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with serve(security) as server, pytest.raises(MailServerDown):
        sender(server.port, security).send(mail())

    assert server.mails == []


def test_server_that_cannot_encrypt_gets_nothing(serve: Serve) -> None:
    with serve("none") as server, pytest.raises(MailServerDown):
        sender(server.port, "starttls").send(mail())

    assert server.mails == []


def test_sender_signs_in_where_the_server_asks(serve: Serve) -> None:
    with serve("starttls", asks_who=True) as server:
        sender(server.port, "starttls", user=USER, password=PASSWORD).send(mail())

        for given in ({}, {"user": USER, "password": "another"}):
            with pytest.raises(MailDelayed):
                sender(server.port, "starttls", **given).send(mail())

    assert len(server.mails) == 1


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
@pytest.mark.parametrize(
    ("reply", "failure"),
    [("550 no such user", MailRefused), ("451 try again later", MailDelayed)],
)
def test_server_refuses_for_good_or_for_now(
    serve: Serve, step: str, reply: str, failure: type[Exception]
) -> None:
    with serve("none") as server:
        server.refusals[step] = reply

        with pytest.raises(failure) as refused:
            sender(server.port, "none").send(mail())

    assert type(refused.value) is failure
    assert "ada@example.com" not in str(refused.value)


def test_address_in_other_letters_needs_a_server_that_reads_them(serve: Serve) -> None:
    with serve("none") as server:
        sender(server.port, "none").send(mail("münchen@example.com"))
    assert server.mails[0]["To"] == "münchen@example.com"

    with serve("none", reads_utf8=False) as server, pytest.raises(MailRefused):
        sender(server.port, "none").send(mail("münchen@example.com"))


def test_server_that_is_not_there_is_down() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        with pytest.raises(MailServerDown):
            sender(unused.getsockname()[1], "none").send(mail())


@pytest.mark.parametrize("name", ["smtp..example.com", f"{64 * 'x'}.example.com"])
def test_server_whose_name_nobody_can_have_is_down(name: str) -> None:
    with pytest.raises(MailServerDown):
        SMTPSender(name, 25, security="none").send(mail())


def test_password_that_no_server_can_be_told_lets_mails_wait(serve: Serve) -> None:
    with serve("starttls", asks_who=True) as server, pytest.raises(MailServerDown):
        sender(server.port, "starttls", user=USER, password="sésame").send(mail())


def test_server_that_says_nothing_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(MailServerDown):
        sender(silent.getsockname()[1], "none").send(mail())


def test_mail_counts_as_sent_though_the_server_hangs_up_after_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        taken: list[bytes] = []
        thread = threading.Thread(target=_take_one_mail, args=(listener, taken))
        thread.start()

        sender(listener.getsockname()[1], "none").send(mail())

        thread.join()
    assert b"Message-ID: <1@product.example>" in taken[0]


def _take_one_mail(listener: socket.socket, taken: list[bytes]) -> None:
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as lines:
        connection.sendall(b"220 here\r\n")
        for line in lines:
            if line.upper().startswith(b"DATA"):
                connection.sendall(b"354 go on\r\n")
                taken.append(b"".join(iter(lines.readline, b".\r\n")))
                connection.sendall(b"250 taken\r\n")
                return  # Without waiting for QUIT.
            connection.sendall(b"250 ok\r\n")
