"""Mail servers of this machine: plain, with TLS from the first byte, and with STARTTLS."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.support.mail_server import MailServer, serving_mail

Serve = Callable[..., AbstractContextManager[MailServer]]


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who signs the certificates."""
    return trustme.CA()


@pytest.fixture
def serve(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Serve:
    """Run a mail server whose certificate is for a name, in a world that trusts ``authority``."""
    trusted = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    @contextmanager
    def serve(security: str, name: str = "localhost", **options: Any) -> Iterator[MailServer]:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(name).configure_cert(context)
        with serving_mail(security, context, **options) as server:
            yield server

    return serve
