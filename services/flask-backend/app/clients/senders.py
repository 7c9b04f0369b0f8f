"""Which sender the settings ask for."""

from typing import Final

from app.clients.mail import ConsoleSender, FileSender, Sender
from app.clients.smtp import SMTPSender
from app.config import Settings, SettingsError

_FOLDER: Final = "mail"
"""Where mails are kept in ``DATA_DIR``, unless ``MAIL_DIR`` says where."""


def make_sender(settings: Settings) -> Sender:
    """Return the sender that the settings ask for. Opens nothing.

    Raises:
        SettingsError: A setting that it needs is missing, or contradicts another one.
    """
    if settings.mail_sender == "console":
        return ConsoleSender()
    if settings.mail_sender == "file":
        return FileSender(settings.mail_dir or settings.data_dir / _FOLDER)
    if settings.smtp_host is None:
        raise SettingsError("SMTP_HOST must name the mail server, because MAIL_SENDER is smtp")
    password = settings.smtp_password
    return SMTPSender(
        settings.smtp_host,
        settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=password.get_secret_value() if password else None,
    )
