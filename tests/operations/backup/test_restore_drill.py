"""The restore drill: what an operator does when a database is lost, on each engine, in each run."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from alembic.config import Config
from werkzeug.test import TestResponse

from app import create_app
from app.config import ALEMBIC_INI, Settings
from app.health import State, probe_database
from app.models import get_user
from app.operations.backup.engines import begin_restore
from app.operations.backup.errors import BackupError
from app.usecases.erasure import erase_account
from bilayer import migrate
from bilayer.urls import parse_url
from tests.factories import make_admin, make_history, make_user
from tests.operations.backup.conftest import HEAD, Site, digests_of
from tests.support.people import Person, document, login, problem, tokens_for
from tests.support.service import connected, settings_for

ADJUSTED = {
    *("installation", "sync_heads", "sessions", "backups"),
    # Of who was erased again.
    *("users", "erasures", "logins", "profiles", "user_credits", "credit_accounts", "audit_log"),
    *("credit_transactions", "credit_holds"),
}
"""What is adjusted in a database that was restored, so that it may serve."""


def test_backup_and_restore_work_reliably(site: Site, other_url: str, tmp_path: Path) -> None:
    make_admin()
    user, forgotten = make_user(), make_user(full_name="Somebody who went")
    make_history(user["id"])
    token = tokens_for(user).access_token
    device = ask(site.settings, token, "/sync")
    before = digests_of(site.url)

    made = site.create()
    site.verify(made.name)
    erase_account(forgotten["id"])
    site.create()  # Which remembers whom the first one brings back.
    done = site.restore(made.name, other_url)

    after = digests_of(other_url)
    assert {name for name in before if before[name] != after[name]} <= ADJUSTED
    migrate.check(Config(ALEMBIC_INI, stdout=io.StringIO()), url=other_url)
    assert migrate.current(parse_url(other_url)) == (HEAD,)
    assert (done.adjusted.erased, done.adjusted.refused, done.replaced) == (1, [], None)
    settings = settings_for(other_url, tmp_path)
    with connected(settings):
        client = create_app(settings).test_client()
        assert get_user(forgotten["id"]) is None
        new = document(login(client, email=user["email"]))["access_token"]
        assert client.get("/readyz").status_code == 200
    assert ask(settings, token, "/history").status_code == 401
    assert len(document(ask(settings, new, "/history"))["items"]) == 1
    pulled = ask(settings, new, "/sync", cursor=document(device)["cursor"])
    assert (problem(pulled), document(pulled)["reason"]) == ((410, "FULL_RESYNC_REQUIRED"), "epoch")
    assert ask(settings, new, "/sync").status_code == 200


def ask(settings: Settings, token: str, path: str, **query: str) -> TestResponse:
    """Ask a service that is started for that, with the key of all of them."""
    with connected(settings):
        return Person(create_app(settings).test_client(), token).get(path, **query)


def test_database_that_has_tables_is_not_restored_into(site: Site) -> None:
    made = site.create()
    before = digests_of(site.url)

    with pytest.raises(BackupError, match="--replace"):
        site.restore(made.name, site.url.render_as_string(hide_password=False))

    assert digests_of(site.url) == before


def test_what_is_replaced_is_backed_up_first(site: Site, other_url: str) -> None:
    forgotten = make_user()
    made = site.create()
    site.restore(made.name, other_url)
    settings = settings_for(other_url, site.settings.data_dir)
    with connected(settings):
        late = make_user()
        erase_account(forgotten["id"])
        there = digests_of(other_url)

    done = site.restore(made.name, other_url, replace=True)

    with connected(settings):
        assert get_user(late["id"]) is None
        assert get_user(forgotten["id"]) is None
    assert done.replaced is not None
    assert done.adjusted.erased == 1
    assert {name: one["sha256"] for name, one in done.replaced.tables.items()} == {
        name: one.sha256 for name, one in there.items()
    }


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_restore_that_was_interrupted_is_begun_again(
    site: Site, empty_database_url: str, tmp_path: Path
) -> None:
    made = site.create()
    begin_restore(parse_url(empty_database_url))  # And then somebody pulled the plug.
    with connected(settings_for(empty_database_url, tmp_path)):
        assert probe_database() is State.SCHEMA_BEHIND

    site.restore(made.name, empty_database_url)

    with connected(settings_for(empty_database_url, tmp_path)):
        assert probe_database() is State.READY
