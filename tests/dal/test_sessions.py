"""The rows of sessions, where two transactions meet."""

import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from app.models import (
    create_session,
    get_session,
    get_session_by_refresh_token,
    get_session_by_token,
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
        family_id=family_id,
        token_hash=f"access {name}",
        refresh_hash=f"refresh {name}",
        created_at=NOON,
        last_used_at=NOON,
        expires_at=NOON + timedelta(minutes=1),
        refresh_expires_at=NOON + timedelta(days=1),
    )


def test_pair_is_found_by_either_hash_within_its_account_only() -> None:
    user, other = make_user(), make_user()
    session_id = make_session(user["id"], "one")

    by_token = get_session_by_token(user["id"], "access one")
    by_refresh_token = get_session_by_refresh_token(user["id"], "refresh one")

    assert by_token is not None
    assert by_token == by_refresh_token
    assert by_token["id"] == by_token["family_id"] == session_id
    assert by_token["role"] == user["role"]
    assert get_session_by_token(other["id"], "access one") is None
    assert get_session_by_token(user["id"], "refresh one") is None
    assert get_session_by_refresh_token(user["id"], "access one") is None
    assert get_session(other["id"], session_id) is None


def test_end_of_a_sign_in_reaches_a_successor_that_is_just_being_stored() -> None:
    user_id = make_user()["id"]
    first = make_session(user_id, "first")
    is_rotated = threading.Event()

    def refresh() -> UUID:
        with transaction():
            rotate_session(user_id, first, rotated_at=NOON, expires_at=NOON)
            is_rotated.set()
            time.sleep(0.3)  # The other one waits for the row that is locked here.
            return make_session(user_id, "second", first)

    def end() -> None:
        is_rotated.wait()
        revoke_sessions(user_id, family_id=first, revoked_at=NOON)

    second, _ = run_together([refresh, end])

    assert isinstance(second, UUID)
    for session_id in (first, second):
        assert (get_session(user_id, session_id) or {})["revoked_at"] == NOON
