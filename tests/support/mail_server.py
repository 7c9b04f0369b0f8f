"""A real mail server, as a thread of this process."""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from typing import Any, Final

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

USER: Final = "backend"
PASSWORD: Final = "a password of the mail server"


@dataclass
class MailServer:
    """A mail server that keeps what it takes.

    Attributes:
        port: Where it listens.
        mails: What it took.
        refusals: What it says instead of taking a recipient or a mail, by "RCPT" and "DATA".
    """

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    refusals: dict[str, str] = field(default_factory=dict)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: list[str]
    ) -> str:
        if "RCPT" in self.refusals:
            return self.refusals["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - likewise
        if "DATA" in self.refusals:
            return self.refusals["DATA"]
        mail = message_from_bytes(envelope.content, EmailMessage, policy=SMTPUTF8)
        await asyncio.to_thread(self.take, mail)
        return "250 OK"

    def take(self, mail: EmailMessage) -> None:
        """Keep a mail."""
        self.mails.append(mail)


@contextmanager
def serving_mail(
    security: str,
    context: ssl.SSLContext,
    *,
    asks_who: bool = False,
    reads_utf8: bool = True,
    port: int = 0,
    kind: type[MailServer] = MailServer,
) -> Iterator[MailServer]:
    """Run a mail server until the block ends.

    Args:
        security: As for ``SMTP_SECURITY``.
        context: Its certificate.
        asks_who: Take mails of ``USER`` only.
        reads_utf8: Take addresses in any letters.
        port: Where it listens; a free one if 0.
        kind: What takes the mails.
    """
    server = kind()
    options: dict[str, Any] = {"enable_SMTPUTF8": reads_utf8}
    if asks_who:
        options |= {
            "auth_required": True,
            "authenticator": _authenticate,
            "auth_require_tls": security == "starttls",
        }
    if security == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    controller = _Controller(
        server,
        hostname="127.0.0.1",
        port=port,
        ssl_context=context if security == "tls" else None,
        **options,
    )
    controller.start()
    try:
        server.port = controller.port
        yield server
    finally:
        controller.stop()


class _Controller(Controller):
    """Finds out which free port it was given, before it looks whether it answers there."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]  # aiosmtpd has half its types


def _authenticate(
    _server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any
) -> AuthResult:
    is_known = isinstance(given, LoginPassword) and given == LoginPassword(
        USER.encode(), PASSWORD.encode()
    )
    return AuthResult(success=is_known, handled=False)
