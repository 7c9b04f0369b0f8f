"""What takes mails away: the protocol, and the senders that need no server. Writes no mail."""

import os
import sys
from email.message import EmailMessage
from email.policy import SMTPUTF8
from pathlib import Path
from typing import Final, Protocol


class MailRefused(Exception):
    """The mail will never be taken. The message names the kind of failure and no address."""


class MailDelayed(Exception):
    """The mail was not taken, and may be later. The message is as for ``MailRefused``."""


_READABLE: Final = SMTPUTF8.clone(linesep="\n")
"""How a mail is written for people and programs of this machine: addresses in their own letters."""


class MailServerDown(MailDelayed):
    """Nobody is there to take mails: it is not this one's fault."""


class Sender(Protocol):
    """Something that takes a mail away."""

    def send(self, message: EmailMessage) -> None:
        """Send a mail.

        Raises:
            MailRefused: It will never be taken.
            MailDelayed: It was not taken now.
        """


class ConsoleSender:
    """Prints mails to standard error: for development, because they hold links that work."""

    def send(self, message: EmailMessage) -> None:
        """Print a mail."""
        sys.stderr.write(f"\n{message.as_string(policy=_READABLE)}\n")
        sys.stderr.flush()


class FileSender:
    """Keeps mails as files for a program that fetches them, or for tests.

    Args:
        folder: Where each becomes one ``.eml``; made for its owner only, if it does not exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: EmailMessage) -> None:
        """Store a mail under its id, whole or not at all; the same mail again is the same file."""
        name = message["Message-ID"].strip("<>").partition("@")[0]
        draft = self._folder / f".{name}.{os.getpid()}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.touch(mode=0o600)
            draft.write_bytes(message.as_bytes(policy=_READABLE))
            draft.replace(self._folder / f"{name}.eml")
        except OSError as error:
            raise MailServerDown(type(error).__name__) from None
