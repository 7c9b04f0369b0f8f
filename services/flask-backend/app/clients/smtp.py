"""Mail by SMTP: one connection a mail, encrypted with a certificate that is checked."""

import smtplib
import ssl
from contextlib import suppress
from email.message import EmailMessage
from typing import Final, Literal

from app.clients.mail import MailDelayed, MailRefused, MailServerDown

_SECONDS: Final = 10.0
"""How long one step may take."""
_FIRST_PERMANENT: Final = 500
"""Replies from here on mean: not this mail, however often you try (RFC 5321, 4.2.1)."""


class SMTPSender:
    """Hands mails to a server.

    Args:
        host: Its name, which its certificate must have.
        port: Where it listens.
        security: ``starttls`` encrypts before anything is said, ``tls`` from the first byte,
            ``none`` not at all.
        user: Whom to sign in as, None if the server asks for nobody.
        password: Their password.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        security: Literal["starttls", "tls", "none"],
        user: str | None = None,
        password: str | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._security = security
        self._credentials = (user, password or "") if user else None
        self._context = ssl.create_default_context()

    def send(self, message: EmailMessage) -> None:
        """Hand over a mail; when the server has taken it, nothing can fail any more.

        Raises:
            MailRefused: The server refuses this mail or its recipient for good.
            MailDelayed: It refuses for now.
            MailServerDown: It cannot be reached, or is not who it should be.
        """
        try:
            server = self._connect()
        # smtplib's own errors are of the first kind. A name or password it cannot write is not.
        except (OSError, UnicodeError) as error:
            raise MailServerDown(type(error).__name__) from None
        try:
            server.send_message(message)
        except OSError as error:
            raise _failure(error) from None
        finally:
            with suppress(OSError):
                server.quit()
            server.close()

    def _connect(self) -> smtplib.SMTP:
        """Return a connection that is encrypted, if it should be, and signed in."""
        # The name of this machine is nobody's business, and asking for it can take long.
        own_name = "localhost"
        if self._security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                self._host, self._port, own_name, timeout=_SECONDS, context=self._context
            )
        else:
            server = smtplib.SMTP(self._host, self._port, own_name, timeout=_SECONDS)
        try:
            if self._security == "starttls":
                server.starttls(context=self._context)
            if self._credentials:
                server.login(*self._credentials)
        except BaseException:
            server.close()
            raise
        return server


def _failure(error: OSError) -> MailRefused | MailDelayed:
    """Tell a refusal of this mail from one of this moment."""
    codes = []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    elif isinstance(error, smtplib.SMTPDataError):
        codes = [error.smtp_code]
    is_refused = bool(codes) and all(code >= _FIRST_PERMANENT for code in codes)
    # The address has letters that this server cannot write.
    is_refused |= isinstance(error, smtplib.SMTPNotSupportedError)
    is_answer = isinstance(error, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused)
    kind = MailRefused if is_refused else MailDelayed if is_answer else MailServerDown
    return kind("/".join([type(error).__name__, *map(str, codes)]))
