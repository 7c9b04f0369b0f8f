"""What the service asks the database before it starts, without waiting for ever."""

import socket
import time
from contextlib import closing

import pytest
import sqlalchemy as sa

from app.server import preflight
from bilayer.urls import parse_url


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_database_that_says_nothing_is_given_up(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "CONNECT_SECONDS", 2)  # The least that libpq takes.
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = parse_url(f"{engine}://app:secret@127.0.0.1:{silent.getsockname()[1]}/app")
        began = time.monotonic()

        with pytest.raises(sa.exc.OperationalError):
            preflight.connect(url)

    assert time.monotonic() - began < 4
