"""The senders that need no server, and which sender the settings ask for."""

import os
import stat
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.clients.mail import ConsoleSender, FileSender, MailServerDown
from app.clients.senders import make_sender
from app.clients.smtp import SMTPSender
from app.config import Settings


def mail(to: str = "münchen@example.com") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Product <no-reply@product.example>"
    message["To"] = to
    message["Message-ID"] = "<0193c1f0@product.example>"
    message.set_content("A link: https://product.example/#token=x\n")
    return message


def test_file_is_the_mail_and_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "mail"

    FileSender(folder).send(mail())

    path = folder / "0193c1f0.eml"
    read = message_from_bytes(path.read_bytes(), EmailMessage, policy=SMTPUTF8)
    assert read["To"] == "münchen@example.com"
    assert "#token=x" in read.get_content()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_mail_that_is_sent_twice_is_one_file(tmp_path: Path) -> None:
    for _ in range(2):
        FileSender(tmp_path).send(mail())

    assert os.listdir(tmp_path) == ["0193c1f0.eml"]  # noqa: PTH208 - names, hidden ones too


def test_folder_that_cannot_be_written_delays_a_mail(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file in the way")

    with pytest.raises(MailServerDown):
        FileSender(tmp_path / "mail").send(mail())


def test_console_gets_a_link_that_can_be_opened(capsys: pytest.CaptureFixture[str]) -> None:
    ConsoleSender().send(mail())

    printed = capsys.readouterr()
    assert printed.out == ""
    assert "To: münchen@example.com" in printed.err
    assert "https://product.example/#token=x" in printed.err


def test_settings_choose_the_sender(tmp_path: Path) -> None:
    assert isinstance(make_sender(Settings()), ConsoleSender)
    by_smtp = Settings(
        mail_sender="smtp",
        mail_from="no-reply@product.example",
        smtp_host="mail.example",
        smtp_user="backend",
        smtp_password=SecretStr("word"),
    )
    assert isinstance(make_sender(by_smtp), SMTPSender)


@pytest.mark.parametrize("is_named", [True, False])
def test_files_stand_in_a_folder_of_the_settings(tmp_path: Path, is_named: bool) -> None:
    folder = tmp_path / "letters" if is_named else None

    make_sender(Settings(mail_sender="file", data_dir=tmp_path, mail_dir=folder)).send(mail())

    assert [path.parent.name for path in tmp_path.rglob("*.eml")] == [
        "letters" if is_named else "mail"
    ]
