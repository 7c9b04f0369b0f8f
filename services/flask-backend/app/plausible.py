"""What settings can mean: forms of single ones, what contradicts itself, and how that is told.

Reads no setting; ``app.config`` asks. What is possible but unsafe is in ``app.production``.
"""

import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from difflib import get_close_matches
from email.headerregistry import Address
from email.utils import getaddresses
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from app.origins import is_origin

_PARTS: Final = (
    "DATABASE_PORT",
    "DATABASE_NAME",
    "DATABASE_USER",
    "DATABASE_PASSWORD",
    "DATABASE_SSLMODE",
    "DATABASE_SSLROOTCERT",
)
_LIKENESS: Final = 0.81
"""``SMTP_PASS`` is taken for ``SMTP_PASSWORD``, ``PGHOST`` not for ``HOST``."""
_SYSTEM: Final = Path("system")
"""Says to PostgreSQL's client: the certificates that this machine believes."""
_NEVER_IN_A_HOST: Final = re.compile(r"[\s/@\[\]]")
_STRIPE_KEY: Final = re.compile(r"(?:sk|rk)_(?:test|live)_[!-~]+")
_HOST_NAME: Final = re.compile(r"\.?[\w-]+(?:\.[\w-]+)*")


def check_public_url(text: str) -> str:
    """Return the address that people use, as it is.

    Raises:
        ValueError: Nothing could be put behind it to make a link.
    """
    url = urlsplit(text)
    if is_origin(f"{url.scheme}://{url.netloc}") and not (url.query or url.fragment):
        return text
    raise ValueError("write an address like https://app.example.com, without ? and #")


def check_sender(text: str) -> str:
    """Return the address that mails come from, with or without a name before it, as it is.

    Raises:
        ValueError: It is none.
    """
    with suppress(ValueError, IndexError):
        [(name, address)] = getaddresses([text])
        if Address(name, addr_spec=address).domain and text.isprintable():
            return text
    raise ValueError("write an address like no-reply@example.com or App <no-reply@example.com>")


def check_hosts(text: str) -> str:
    """Return a list of host names, which has commas between them, as it is.

    Raises:
        ValueError: One of them is no name that a request could be for.
    """
    names = [part.strip() for part in text.split(",") if part.strip()]
    if all(_HOST_NAME.fullmatch(name) and name == name.lower() for name in names):
        return text
    raise ValueError(
        "write each name like api.example.com, or .example.com for all below it: lower case,"
        " no https://, no port, no *"
    )


def check_servers(text: str) -> str:
    """Return where a server is, or several with commas between them, as it is.

    Raises:
        ValueError: It is no name, no address and no folder of a socket.
    """
    for host in text.split(","):
        if host.startswith("/"):
            continue
        if host.count(":") == 1 or _NEVER_IN_A_HOST.search(host):
            raise ValueError("write a name or an address, without https:// and without a port")
    return text


def find_stray_parts(given: Collection[str]) -> list[str]:
    """Return which parts of a database's address would not count, because others say it all."""
    parts = ", ".join(name for name in _PARTS if name in given)
    if {"DATABASE_URL", "DATABASE_HOST"} <= set(given):
        return ["DATABASE_URL and DATABASE_HOST are both set; give one of them"]
    if parts and "DATABASE_HOST" not in given:
        return [f"DATABASE_HOST must be set for these to count: {parts}"]
    return []


def find_tls_flaws(mode: str | None, certificate: Path | None) -> list[str]:
    """Return why the server's certificate could not be checked, if it has to be."""
    if mode in ("verify-ca", "verify-full") and certificate is None:
        return [f"DATABASE_SSLROOTCERT must be set, because DATABASE_SSLMODE is {mode}"]
    if certificate not in (None, _SYSTEM) and not certificate.is_file():
        return ["DATABASE_SSLROOTCERT names no file"]
    # PostgreSQL's client looks at no certificate with other modes, or refuses them.
    proving = (
        ("verify-full",) if certificate == _SYSTEM else ("require", "verify-ca", "verify-full")
    )
    if certificate is not None and mode not in proving:
        return ["DATABASE_SSLMODE must be verify-full for DATABASE_SSLROOTCERT to count"]
    return []


def find_smtp_flaws(given: Collection[str]) -> list[str]:
    """Return what a mail server cannot be reached without."""
    problems = []
    if "SMTP_HOST" not in given:
        problems.append("SMTP_HOST must be set, because MAIL_SENDER is smtp")
    if ("SMTP_USER" in given) != ("SMTP_PASSWORD" in given):
        problems.append("SMTP_USER and SMTP_PASSWORD must be set together")
    return problems


def find_stripe_flaws(secret_key: str, webhook_secrets: Collection[str]) -> list[str]:
    """Return what keeps credits from being sold, or from being given to those who paid."""
    problems = []
    if bool(secret_key) != bool(webhook_secrets):
        problems.append("STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET must be set together")
    # The prefix tells real money from play money.
    if secret_key and not _STRIPE_KEY.fullmatch(secret_key):
        problems.append(
            "STRIPE_SECRET_KEY must begin with sk_test_, sk_live_, rk_test_ or rk_live_"
        )
    return problems


def describe(error: ValidationError) -> str:
    """Return a line for each problem, which names the setting and not its value."""
    lines = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        setting = ".".join(str(part) for part in problem["loc"]).upper()
        text = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{setting}: {text}" if setting else text)
    return "\n".join(lines)


def find_misspelt(names: Iterable[str], known: Collection[str]) -> list[str]:
    """Return a sentence for each name that is no setting but looks like one."""
    unknown = [name for name in names if name.upper() not in known]
    close = {name: get_close_matches(name.upper(), known, 1, _LIKENESS) for name in unknown}
    return [f"{name} is no setting. Is {close[name][0]} meant?" for name in unknown if close[name]]


def split(text: str) -> list[str]:
    """Return what stands between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]
