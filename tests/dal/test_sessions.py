"""The rows of sessions, where two transactions meet."""

import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.models import (
    create_session,
    get_db,
    get_session_by_token,
    list_families,
    list_family_sessions,
    list_live_sessions,
    lock_user,
    revoke_other_sessions,
    revoke_sessions,
    rotate_session,
    transaction,
)
from tests.factories import make_user
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def make_session(user_id: UUID, name: str, family_id: UUID | None = None) -> UUID:
    return create_session(
        user_id,
        family_id=family_id or uuid4(),
        token_hash=f"access {name}",
        refresh_hash=f"refresh {name}",
        created_at=NOON,
        last_used_at=NOON,
        expires_at=NOON + timedelta(minutes=1),
        refresh_expires_at=NOON + timedelta(days=1),
    )


def test_pair_is_found_by_the_hash_of_its_access_token_within_its_account_only() -> None:
    user, other = make_user(), make_user()
    session_id = make_session(user["id"], "one")

    found = get_session_by_token(user["id"], "access one")

    assert found is not None
    assert found["id"] == session_id
    assert found["role"] == user["role"]
    assert get_session_by_token(other["id"], "access one") is None
    assert get_session_by_token(user["id"], "refresh one") is None


def test_sign_in_is_listed_with_its_pairs_until_it_is_ended() -> None:
    user_id, family_id = make_user()["id"], uuid4()
    first = make_session(user_id, "first", family_id)
    rotate_session(user_id, first, family_id=family_id, rotated_at=NOON, expires_at=NOON)
    second = make_session(user_id, "second", family_id)
    other = uuid4()
    make_session(user_id, "other", other)

    listed = {row["id"] for row in list_family_sessions(user_id, family_id)}
    families = list_families(user_id)
    revoke_sessions(user_id, family_id=family_id, revoked_at=NOON)

    assert listed == {first, second}
    assert families == [family_id, other]
    assert list_family_sessions(user_id, family_id) == []
    assert len(list_families(user_id)) == 1


def test_all_sign_ins_but_one_are_ended_in_one_account() -> None:
    user_id, other_id, kept = make_user()["id"], make_user()["id"], uuid4()
    mine = make_session(user_id, "mine", kept)
    make_session(user_id, "tablet")
    theirs = make_session(other_id, "theirs")

    revoke_other_sessions(user_id, family_id=kept, revoked_at=NOON)

    assert [row["id"] for row in list_live_sessions(user_id)] == [mine]
    assert [row["id"] for row in list_live_sessions(other_id)] == [theirs]


def test_end_of_a_sign_in_reaches_a_successor_that_is_just_being_stored() -> None:
    user_id, family_id = make_user()["id"], uuid4()
    first = make_session(user_id, "first", family_id)
    is_rotated = threading.Event()

    def refresh() -> UUID:
        with transaction():
            lock_user(user_id)
            rotate_session(user_id, first, family_id=family_id, rotated_at=NOON, expires_at=NOON)
            is_rotated.set()
            time.sleep(0.3)  # The other one waits for the account, which is locked here.
            return make_session(user_id, "second", family_id)

    def end() -> None:
        is_rotated.wait()
        with transaction():
            lock_user(user_id)
            revoke_sessions(user_id, family_id=family_id, revoked_at=NOON)

    second, _ = run_together([refresh, end])

    assert isinstance(second, UUID)
    ended = {row["id"] for row in get_db()(get_db().sessions.revoked_at == NOON).dicts()}
    assert ended == {first, second}
