"""Which sender the settings ask for."""

from typing import Final

from app.clients.mail import ConsoleSender, FileSender, Sender
from app.clients.smtp import SMTPSender
from app.config import Settings

_FOLDER: Final = "mail"
"""Where mails are kept in ``DATA_DIR``, unless ``MAIL_DIR`` says where."""


def make_sender(settings: Settings) -> Sender:
    """Return the sender that the settings ask for. Opens nothing."""
    if settings.mail_sender == "console":
        return ConsoleSender()
    if settings.mail_sender == "file":
        return FileSender(settings.mail_dir or settings.data_dir / _FOLDER)
    password = settings.smtp_password
    return SMTPSender(
        str(settings.smtp_host),  # Settings with this sender have one.
        settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=password.get_secret_value() if password else None,
    )
