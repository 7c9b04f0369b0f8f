"""What mails say. Sends none.

Nothing in them was written by a person who asks for one, but the address: else anybody could have
us send their words to anybody.
"""

from contextlib import suppress
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Final
from uuid import UUID

from app.vocabulary import MailKind

_SUBJECTS: Final = {
    MailKind.EMAIL_VERIFICATION: "Confirm your e-mail address",
    MailKind.PASSWORD_RESET: "Choose a new password",
}
_PAGES: Final = {
    MailKind.EMAIL_VERIFICATION: "verify-email",
    MailKind.PASSWORD_RESET: "reset-password",
}
_TEXTS: Final = {
    MailKind.EMAIL_VERIFICATION: """\
Somebody, probably you, made an account with this address. To confirm that it
is yours, open this link within 24 hours:

{link}

If it was not you, do nothing.
""",
    MailKind.PASSWORD_RESET: """\
Somebody, probably you, asked for a new password for the account with this
address. To choose one, open this link within 30 minutes:

{link}

It works once, and ends all sign-ins. If it was not you, do nothing: the
password stays as it is.
""",
}


def write_letter(
    kind: MailKind, *, to: str, sender: str, token: str, mail_id: UUID, at: datetime, site: str
) -> EmailMessage:
    """Return a mail with a link, the same one each time.

    Args:
        kind: What it is about.
        to: An address in which ``emails.find_flaw`` found nothing.
        sender: Whom it is from, as a mail's header says it.
        token: What the link carries, behind the ``#``: browsers send that part to nobody, so that
            it is in no server's log.
        mail_id: Which mail it is, for those who receive it twice.
        at: When it was asked for.
        site: Where the links lead, the address of the product.
    """
    message = EmailMessage()
    message["From"] = sender
    message["To"] = _address(to)
    message["Subject"] = _SUBJECTS[kind]
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mail_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    link = f"{site.rstrip('/')}/{_PAGES[kind]}#token={token}"
    text = _TEXTS[kind].format(link=link)
    # Else long lines are broken, and with them the link for whoever reads the mail as it is.
    message.set_content(text, cte="7bit" if text.isascii() else "8bit")
    return message


def _address(text: str) -> Address:
    """Split an address. Its domain travels in letters that every server reads, if it has such."""
    local, _, domain = text.rpartition("@")
    with suppress(UnicodeError):
        in_ascii = domain.encode("idna")
        # Python knows the names of 2003: some letters would become others, and the domain another.
        if in_ascii.decode("idna") == domain.lower():
            domain = in_ascii.decode("ascii")
    return Address(username=local, domain=domain)
