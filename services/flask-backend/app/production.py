"""What must not go into production: secrets that others guess or read, files for databases.

Reads no setting; ``app.config`` asks.
"""

from typing import Final

from pydantic import SecretStr
from sqlalchemy import URL

from bilayer.urls import engine_name

KNOWN_PASSWORDS: Final = frozenset(
    {
        "admin", "app", "backend", "change-me", "changeme", "mariadb", "mysql", "password",
        "postgres", "postgresql", "root", "secret",
    }
)  # fmt: skip
"""What documentation, images and the compose file of this repository come with."""

OTHER_PROOFS: Final = frozenset({"passfile", "sslcert", "ssl_cert"})
"""Parameters of a URL by which a client proves who it is without a password in it."""

MIN_KEY_CHARACTERS: Final = 32
MIN_DIFFERENT_CHARACTERS: Final = 8
"""32 random hexadecimal digits have fewer different ones once in a million times."""


def find_key_flaws(setting: str, key: SecretStr | None) -> list[str]:
    """Return what is wrong with a key that signs, as sentences that name the setting."""
    text = key.get_secret_value() if key else ""
    if len(text) >= MIN_KEY_CHARACTERS and len(set(text)) >= MIN_DIFFERENT_CHARACTERS:
        return []
    return [f"{setting} must have at least {MIN_KEY_CHARACTERS} random characters"]


def find_url_flaws(setting: str, url: URL) -> list[str]:
    """Return what is wrong with a database's address, as sentences that name the setting."""
    if engine_name(url.drivername) == "sqlite":
        return [f"{setting} must name PostgreSQL or MariaDB; SQLite is for development"]
    password = str(url.password or "").lower()
    if password in KNOWN_PASSWORDS or (password and password == (url.username or "").lower()):
        return [f"{setting} has a password that everybody knows"]
    if not password and _is_over_network(url) and not url.query.keys() & OTHER_PROOFS:
        return [f"{setting} must give a password to a server that is reached over the network"]
    return []


def find_mail_flaws(sender: str, public_url: str, *, is_password_clear: bool) -> list[str]:
    """Return what is wrong with the way of mails and with where their links lead."""
    problems = []
    if sender == "console":
        problems.append("MAIL_SENDER must be smtp or file; console would log links that work")
    if not public_url.startswith("https://"):
        problems.append("PUBLIC_URL must begin with https://; links in mails lead there")
    if is_password_clear:
        problems.append("SMTP_SECURITY must be starttls or tls; SMTP_PASSWORD would be readable")
    return problems


def find_stripe_flaws(api_base: str | None) -> list[str]:
    """Return what is wrong with where the key of Stripe is sent."""
    if api_base is None or api_base.startswith("https://"):
        return []
    return ["STRIPE_API_BASE must begin with https://; STRIPE_SECRET_KEY is sent there"]


def _is_over_network(url: URL) -> bool:
    if engine_name(url.drivername) == "mysql":
        return "unix_socket" not in url.query
    host = str(url.host or url.query.get("host") or "/")
    return not host.startswith("/")
