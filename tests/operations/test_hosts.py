"""Of several hosts, the service talks to the one that takes writes."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config import Settings
from app.models import get_db
from bilayer.urls import parse_url
from tests.operations.conftest import diagnose, settings_with
from tests.support.run import Run
from tests.support.servers import Server, render
from tests.support.service import connected


def test_several_hosts_may_be_named_in_parts() -> None:
    url = Settings(database_host="first,second", database_port=6543).url

    assert (url.host, url.port) == ("first,second", 6543)
    assert url.query["target_session_attrs"] == "read-write"


def test_one_host_is_taken_as_it_is() -> None:
    assert "target_session_attrs" not in Settings(database_host="only").url.query


def test_a_url_may_ask_for_another_one() -> None:
    url = parse_url("postgresql://app@first,second/app?target_session_attrs=primary")

    assert url.query["target_session_attrs"] == "primary"


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_the_host_that_takes_writes_is_found(
    server: Server, suite_run: Run, tmp_path: Path
) -> None:
    other = suite_run.server("postgresql")
    name = suite_run.new_name()
    ports = [parse_url(one.create_database(name)).port for one in (server, other)]
    hosts = tuple(f"127.0.0.1:{port}" for port in ports)
    url = parse_url(f"postgresql://postgres@/{name}").update_query_dict({"host": hosts})
    server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    settings = settings_with(tmp_path, render(url))

    two = url.update_query_dict({"host": hosts[:1] * 2})
    try:
        nobody = diagnose(settings_with(tmp_path, render(two)))
        with connected(settings):
            ((port,),) = get_db().executesql("SELECT inet_server_port()")
        findings = diagnose(settings)
    finally:
        server.drop_database(name)
        other.drop_database(name)

    assert port == ports[1]
    assert "takes writes" in nobody["database_login"].sentence
    assert findings["database_writes"].outcome == "ok"
