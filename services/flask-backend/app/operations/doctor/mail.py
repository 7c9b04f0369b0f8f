"""Whether mail could be sent. Sends none."""

import smtplib
import ssl
import tempfile
from collections.abc import Iterator
from typing import Final

from app.config import Settings
from app.operations.doctor.findings import Finding, well, wrong
from app.operations.doctor.installation import nearest

CHECKS: Final = ("mail",)

_SECONDS: Final = 3.0


def look(settings: Settings) -> Iterator[Finding]:
    """Go as far as the sender would, up to the first mail."""
    if settings.mail_sender == "smtp":
        yield _smtp(settings)
    elif settings.mail_sender == "file":
        yield _folder(settings)
    else:
        yield well("mail", "Mails are printed to standard error (MAIL_SENDER=console).")


def _folder(settings: Settings) -> Finding:
    folder = settings.mail_dir or settings.data_dir / "mail"
    place = nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            return well("mail", f"Mails are written to {folder}.")
    except OSError as error:
        sentence = f"Mails cannot be written to {place}: {error.strerror}."
        return wrong("mail", sentence, "Set MAIL_DIR to a folder that the service may write to.")


def _smtp(settings: Settings) -> Finding:
    place = f"{settings.smtp_host}, port {settings.smtp_port}"
    try:
        with _connect(settings) as server:
            server.ehlo_or_helo_if_needed()
            if settings.smtp_security == "starttls":
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
            if settings.smtp_user and settings.smtp_password:
                server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
    except (OSError, smtplib.SMTPException) as error:
        return wrong("mail", f"{place}: {_sentence(error)}", _fix(error))
    return well("mail", f"{place} takes mail ({settings.smtp_security}).")


def _connect(settings: Settings) -> smtplib.SMTP:
    host = settings.smtp_host or ""
    if settings.smtp_security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, settings.smtp_port, timeout=_SECONDS, context=context)
    return smtplib.SMTP(host, settings.smtp_port, timeout=_SECONDS)


def _sentence(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "the server refuses the user or the password."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "the server offers no STARTTLS or no sign-in."
    if isinstance(error, ssl.SSLError):
        return f"TLS fails ({error.reason or 'certificate'})."
    return f"no mail server answers ({type(error).__name__})."


def _fix(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "Set SMTP_USER and SMTP_PASSWORD to what the mail provider gave you."
    if isinstance(error, smtplib.SMTPNotSupportedError | ssl.SSLError):
        return (
            "Set SMTP_SECURITY to what the server speaks: starttls (port 587) or tls (port 465);"
            " SMTP_HOST must be the name in its certificate."
        )
    return "Set SMTP_HOST and SMTP_PORT; let the firewall pass them. Mails wait in the database."
