"""What versions cost: no round trip that is not needed, and no number where nothing changes."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from app.errors import NotFound
from app.models import get_head
from app.usecases.decisions import Choice, decide
from app.usecases.history import change_action, delete_action, record_action
from app.usecases.profiles import change_profile, require_profile
from tests.factories import make_user
from tests.support.statements import sent_statements

pytestmark = pytest.mark.usefixtures("database")

STEPS = {"postgresql": 0, "sqlite": 1, "mariadb": 1}
"""PostgreSQL begins a transaction with its first statement."""
READ_BACK = {"postgresql": 0, "sqlite": 0, "mariadb": 1}
"""MariaDB's UPDATE does not tell what it leaves of the head."""
LOGGED = {"postgresql": 0, "sqlite": 1, "mariadb": 1}
"""On PostgreSQL the row of the audit log goes with the commit."""
STORED = {"postgresql": 0, "sqlite": 1, "mariadb": 1}
"""And so does an action, unless its client made the id, which may be taken."""


@pytest.fixture
def user() -> UUID:
    user_id: UUID = make_user()["id"]
    record_action(user_id, action_id=None, action_type="A", payload={})
    change_profile(user_id, {"display_name": "Ada"})
    return user_id


def version_of(user_id: UUID) -> int:
    head = get_head(user_id)
    assert head is not None
    version: int = head["version"]
    return version


def test_write_is_its_statement_and_that_of_the_head_and_an_update_a_lock(
    engine: str, user: UUID
) -> None:
    action, more = uuid4(), STEPS[engine] + READ_BACK[engine] + LOGGED[engine]

    def count(write: Callable[[], object]) -> int:
        with sent_statements() as sent:
            write()
        return len(sent) - more

    def post(action_id: UUID | None) -> Callable[[], object]:
        return lambda: record_action(user, action_id=action_id, action_type="A", payload={})

    assert count(post(None)) == 2 + STORED[engine]
    assert count(post(action)) == 4
    assert count(lambda: change_action(user, action, action_type="B")) == 4
    assert count(lambda: delete_action(user, action)) == 4
    assert count(lambda: change_profile(user, {"display_name": "Bob"})) == 4


def test_what_changes_nothing_takes_no_version(user: UUID) -> None:
    action = uuid4()

    def record() -> bool:
        return record_action(user, action_id=action, action_type="A", payload={})[1]

    assert record()
    decide(user, Choice(terms_accepted=False, marketing_consent=True))
    before = version_of(user)

    assert not record()
    decide(user, Choice(terms_accepted=False, marketing_consent=True))
    require_profile(user)
    with pytest.raises(NotFound):
        delete_action(user, uuid4())
    with pytest.raises(NotFound):
        change_action(user, uuid4(), action_type="B")

    assert version_of(user) == before


def test_first_change_of_a_profile_is_one_change() -> None:
    user_id = make_user()["id"]

    profile = change_profile(user_id, {"display_name": "Bob", "preferences": {"a": 1, "b": None}})

    assert (profile["version"], version_of(user_id)) == (1, 1)
    assert (profile["display_name"], profile["preferences"]) == ("Bob", {"a": 1})
