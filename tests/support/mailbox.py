"""A mailbox in place of a mail server: what was sent stands there to be read."""

import re
from email.message import EmailMessage
from typing import Final

from app.usecases import delivery
from app.usecases.delivery import Post

KEY: Final = b"key of the server"
SITE: Final = "https://product.example"
_LINK: Final = re.compile(rf"{SITE}/[a-z-]+#token=(\S+)")


class Mailbox:
    """Takes every mail, or fails as it is told to."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.failure: Exception | None = None

    def send(self, message: EmailMessage) -> None:
        if self.failure is not None:
            raise self.failure
        self.mails.append(message)

    def post(self, key: bytes = KEY) -> Post:
        """Return how mails get here."""
        return Post(self, [key], SITE, "Product <no-reply@product.example>")

    def collect(self, key: bytes = KEY) -> list[EmailMessage]:
        """Deliver what is due, and return what came just now."""
        before = len(self.mails)
        delivery.deliver_due(self.post(key))
        return self.mails[before:]


def token_in(mail: EmailMessage) -> str:
    """Return what the link of a mail carries."""
    found = _LINK.search(mail.get_content())
    assert found, mail.get_content()
    return found[1]
