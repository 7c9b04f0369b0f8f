"""What mails say, to whatever address."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.usecases import emails
from app.usecases.letters import write_letter
from app.vocabulary import MailKind

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MAIL_ID = UUID(int=7)
TOKEN = f"{UUID(int=1)}.{'x' * 43}"
SITE = "https://product.example/app/"


def letter(
    to: str, kind: MailKind = MailKind.PASSWORD_RESET, sender: str = "no-reply@product.example"
) -> EmailMessage:
    written = write_letter(
        kind, to=to, sender=sender, token=TOKEN, mail_id=MAIL_ID, at=NOON, site=SITE
    )
    return message_from_bytes(written.as_bytes(policy=SMTPUTF8), EmailMessage, policy=SMTPUTF8)


@pytest.mark.parametrize("kind", MailKind)
def test_link_stands_whole_on_a_line_of_its_own(kind: MailKind) -> None:
    mail = letter("ada@example.com", kind)

    [link] = [line for line in mail.get_content().splitlines() if "://" in line]
    assert link.startswith("https://product.example/app/")
    assert link.endswith(f"#token={TOKEN}")


def test_mail_says_what_it_is() -> None:
    mail = letter("ada@example.com", sender="The Product <no-reply@product.example>")

    assert mail["From"] == "The Product <no-reply@product.example>"
    assert mail["Message-ID"] == f"<{MAIL_ID}@product.example>"
    assert mail["Date"].datetime == NOON
    assert mail["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("o'hara+news@example.com", "o'hara+news@example.com"),
        ("{curly}|pipe@example.com", "{curly}|pipe@example.com"),
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ("ada@straße.example", "ada@straße.example"),
        ("дарья@example.com", "дарья@example.com"),
        ("root@localhost", "root@localhost"),
    ],
)
def test_address_reaches_whoever_has_it(address: str, written: str) -> None:
    assert emails.find_flaw(address) is None

    assert letter(address)["To"] == written


@given(st.from_regex(emails._ADDRESS, fullmatch=True))
def test_address_that_may_sign_up_is_one_address_of_one_header(address: str) -> None:
    if emails.find_flaw(address) is not None:
        return

    mail = letter(address)

    assert sorted(mail.keys()) == sorted(letter("ada@example.com").keys())
    assert len(mail["To"].addresses) == 1
    local, _, domain = mail["To"].rpartition("@")
    assert local == address.rpartition("@")[0]
    wanted = address.rpartition("@")[2]
    assert domain == wanted or domain.encode().decode("idna") == wanted.lower()


@pytest.mark.parametrize("address", ["ada@example.com\nBcc: eve@example.com", "a@b.c\r\n\r\nx"])
def test_no_header_can_be_slipped_in(address: str) -> None:
    with pytest.raises(ValueError, match="CR or LF"):
        letter(address)
