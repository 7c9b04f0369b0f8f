"""Being signed in: what a pair of tokens is good for, and how it is replaced and ended."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from app import clock
from app.errors import Unauthorized
from app.models import delete_user, get_db, update_user
from app.usecases.administration import change_user
from app.usecases.sessions import (
    ACCESS_LIFETIME,
    IDLE_LIFETIME,
    MAX_SIGN_INS,
    REUSE_GRACE,
    SIGN_IN_LIFETIME,
    Client,
    TokenPair,
    authenticate,
    end_all_sessions,
    end_session,
    open_session,
    refresh_session,
)
from app.usecases.tokens import make_token
from app.vocabulary import Role
from tests.factories import make_guest, make_user
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

KEY = b"key of the server"
CLIENT = Client("192.0.2.1", "phone")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def sign_in(user: dict[str, Any] | None = None) -> TokenPair:
    return open_session((user or make_user())["id"], CLIENT)


def refresh(pair: TokenPair) -> TokenPair:
    return refresh_session(pair.refresh_token, CLIENT, keys=[KEY])


def is_valid(pair: TokenPair) -> bool:
    try:
        return authenticate(pair.access_token) is not None
    except Unauthorized:
        return False


def test_token_tells_who_asks_and_with_what_rights() -> None:
    user = make_user(role=Role.MAINTAINER)

    principal = authenticate(sign_in(user).access_token)

    assert principal.user_id == user["id"]
    assert principal.role == Role.MAINTAINER
    assert principal.user_type == user["user_type"]


def test_only_digests_are_stored() -> None:
    pair = sign_in()

    row = get_db()(get_db().sessions.user_id == pair.user_id).one()

    assert pair.access_token.split(".")[1] not in str(row)
    assert pair.refresh_token.split(".")[1] not in str(row)
    assert row["address"] == "192.0.2.1"
    assert row["user_agent"] == "phone"


def test_long_user_agent_is_shortened() -> None:
    pair = open_session(make_user()["id"], Client(None, "x" * 1000))

    row = get_db()(get_db().sessions.user_id == pair.user_id).one()

    assert row["user_agent"] == "x" * 255


@pytest.mark.parametrize("text", ["", "x", "not-a-user.secret", "' OR 1=1 --"])
def test_malformed_token_is_invalid(text: str) -> None:
    with pytest.raises(Unauthorized) as refused:
        authenticate(text)

    assert refused.value.code == "TOKEN_INVALID"


def test_forged_tokens_are_invalid() -> None:
    mine, other = sign_in(), sign_in()
    forged = [
        make_token(mine.user_id).text,
        f"{other.user_id}.{mine.access_token.split('.')[1]}",
        mine.refresh_token,
    ]

    for text in forged:
        with pytest.raises(Unauthorized) as refused:
            authenticate(text)
        assert refused.value.code == "TOKEN_INVALID"


def test_access_token_is_no_refresh_token() -> None:
    pair = sign_in()

    with pytest.raises(Unauthorized):
        refresh_session(pair.access_token, CLIENT, keys=[KEY])


def test_access_token_expires() -> None:
    with clock.frozen(NOON):
        pair = sign_in()
    assert pair.expires_in == ACCESS_LIFETIME.total_seconds()

    with clock.frozen(NOON + ACCESS_LIFETIME - timedelta(microseconds=1)):
        assert is_valid(pair)
    with clock.frozen(NOON + ACCESS_LIFETIME), pytest.raises(Unauthorized) as refused:
        authenticate(pair.access_token)

    assert refused.value.code == "TOKEN_EXPIRED"


def test_role_is_the_one_the_account_has_now() -> None:
    user = make_user()
    pair = sign_in(user)

    update_user(user["id"], role=Role.ADMIN)

    assert authenticate(pair.access_token).role == Role.ADMIN


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_token_of_an_account_that_ended_is_invalid_even_if_nobody_revoked_it(end: str) -> None:
    user = make_user()
    pair = sign_in(user)

    if end == "disable":
        update_user(user["id"], is_active=False)
    else:
        delete_user(user["id"])

    assert not is_valid(pair)
    with pytest.raises(Unauthorized):
        refresh(pair)


def test_refresh_replaces_both_tokens() -> None:
    first = sign_in()

    second = refresh(first)

    assert {second.access_token, second.refresh_token}.isdisjoint(
        {first.access_token, first.refresh_token}
    )
    assert is_valid(second)
    assert is_valid(refresh(second))


def test_replaced_access_token_serves_requests_under_way_and_then_ends() -> None:
    with clock.frozen(NOON):
        first = sign_in()
        refresh(first)
        assert is_valid(first)

    with clock.frozen(NOON + REUSE_GRACE):
        assert not is_valid(first)


def test_refresh_does_not_lengthen_an_access_token_about_to_expire() -> None:
    with clock.frozen(NOON):
        first = sign_in()

    with clock.frozen(NOON + ACCESS_LIFETIME - timedelta(seconds=1)):
        refresh(first)

    with clock.frozen(NOON + ACCESS_LIFETIME):
        assert not is_valid(first)


def test_lost_reply_is_given_again() -> None:
    with clock.frozen(NOON):
        first = sign_in()
        second = refresh(first)

    with clock.frozen(NOON + REUSE_GRACE):
        again = refresh(first)

    assert again.access_token == second.access_token
    assert again.refresh_token == second.refresh_token
    assert again.expires_in == second.expires_in - REUSE_GRACE.total_seconds()


def test_reuse_after_the_grace_ends_the_whole_sign_in() -> None:
    with clock.frozen(NOON):
        first = sign_in()
        second = refresh(first)

    with clock.frozen(NOON + REUSE_GRACE + timedelta(microseconds=1)):
        with pytest.raises(Unauthorized) as refused:
            refresh(first)
        assert refused.value.code == "TOKEN_REUSED"

        assert not is_valid(second)
        with pytest.raises(Unauthorized):
            refresh(second)


def test_reuse_after_the_successor_was_used_ends_the_whole_sign_in() -> None:
    first = sign_in()
    second = refresh(first)
    third = refresh(second)

    with pytest.raises(Unauthorized) as refused:
        refresh(first)

    assert refused.value.code == "TOKEN_REUSED"
    assert not is_valid(third)


def test_reuse_is_noticed_as_long_as_the_sign_in_lives() -> None:
    stolen = pair = sign_in()
    for _ in range(10):
        pair = refresh(pair)

    with pytest.raises(Unauthorized) as refused:
        refresh(stolen)

    assert refused.value.code == "TOKEN_REUSED"
    assert not is_valid(pair)


def test_whoever_never_held_a_token_of_a_sign_in_cannot_end_it() -> None:
    pair = sign_in()
    forged = [make_token(pair.user_id).text, make_token(pair.user_id, uuid4()).text]

    for text in forged:
        with pytest.raises(Unauthorized) as refused:
            refresh_session(text, CLIENT, keys=[KEY])
        assert refused.value.code == "TOKEN_INVALID"

    assert is_valid(refresh(pair))


def test_reuse_ends_no_other_sign_in() -> None:
    user = make_user()
    stolen, other = sign_in(user), sign_in(user)
    refresh(refresh(stolen))

    with pytest.raises(Unauthorized):
        refresh(stolen)

    assert is_valid(other)


def test_lost_reply_is_given_again_although_the_servers_key_has_changed_since() -> None:
    first = sign_in()
    second = refresh(first)

    again = refresh_session(first.refresh_token, CLIENT, keys=[b"the new key", KEY])

    assert (again.access_token, again.refresh_token) == (second.access_token, second.refresh_token)


def test_new_tokens_are_signed_by_the_new_key() -> None:
    first = sign_in()
    second = refresh_session(first.refresh_token, CLIENT, keys=[b"the new key", KEY])

    again = refresh_session(first.refresh_token, CLIENT, keys=[b"the new key"])

    assert again.refresh_token == second.refresh_token


def test_reuse_ends_the_sign_in_even_if_the_servers_key_has_changed() -> None:
    first = sign_in()
    second = refresh(first)

    with pytest.raises(Unauthorized) as refused:
        refresh_session(first.refresh_token, CLIENT, keys=[b"another key"])

    assert refused.value.code == "TOKEN_REUSED"
    assert not is_valid(second)


def test_refresh_token_expires_when_it_is_not_used() -> None:
    with clock.frozen(NOON):
        pair = sign_in()

    with clock.frozen(NOON + IDLE_LIFETIME), pytest.raises(Unauthorized) as refused:
        refresh(pair)

    assert refused.value.code == "TOKEN_EXPIRED"


def test_sign_in_ends_however_often_it_is_refreshed() -> None:
    at = NOON
    with clock.frozen(at):
        pair = sign_in()

    while at + IDLE_LIFETIME / 2 < NOON + SIGN_IN_LIFETIME:
        at += IDLE_LIFETIME / 2
        with clock.frozen(at):
            pair = refresh(pair)

    with clock.frozen(NOON + SIGN_IN_LIFETIME), pytest.raises(Unauthorized) as refused:
        refresh(pair)
    assert refused.value.code == "TOKEN_EXPIRED"


def test_guest_stays_signed_in_as_long_as_it_comes_back() -> None:
    at = NOON
    with clock.frozen(at):
        pair = sign_in(make_guest())

    while at < NOON + 2 * SIGN_IN_LIFETIME:
        at += IDLE_LIFETIME - timedelta(days=1)
        with clock.frozen(at):
            pair = refresh(pair)

    with clock.frozen(at + IDLE_LIFETIME), pytest.raises(Unauthorized) as refused:
        refresh(pair)
    assert refused.value.code == "TOKEN_EXPIRED"


def test_signing_out_ends_every_token_of_this_sign_in_and_no_other() -> None:
    user = make_user()
    first, other = sign_in(user), sign_in(user)
    second = refresh(first)

    end_session(authenticate(second.access_token))

    assert not is_valid(first)
    assert not is_valid(second)
    for pair in (first, second):
        with pytest.raises(Unauthorized) as refused:
            refresh(pair)
        assert refused.value.code == "TOKEN_INVALID"
    assert is_valid(other)


def test_all_sign_ins_of_one_account_end_together() -> None:
    user = make_user()
    pairs, foreign = [sign_in(user), sign_in(user)], sign_in()

    end_all_sessions(user["id"])

    assert not any(map(is_valid, pairs))
    assert is_valid(foreign)


def rows_of(user_id: UUID) -> int:
    return int(get_db()(get_db().sessions.user_id == user_id).count())


def test_refreshes_leave_no_more_than_two_rows() -> None:
    pair = sign_in()

    for _ in range(20):
        pair = refresh(pair)

    assert rows_of(pair.user_id) == 2
    assert is_valid(pair)


def test_sign_ins_that_were_ended_leave_nothing_behind() -> None:
    user = make_user()

    for _ in range(5):
        end_session(authenticate(refresh(sign_in(user)).access_token))
    kept = sign_in(user)

    assert rows_of(user["id"]) == 1
    assert is_valid(kept)


def test_one_sign_in_too_many_ends_the_one_that_was_used_least_recently() -> None:
    user = make_user()
    pairs = []
    for minute in range(MAX_SIGN_INS):
        with clock.frozen(NOON + timedelta(seconds=minute)):
            pairs.append(sign_in(user))
    with clock.frozen(NOON + timedelta(minutes=5)):
        pairs[0] = refresh(pairs[0])

        pairs.append(sign_in(user))

        assert [is_valid(pair) for pair in pairs] == [True, False] + [True] * (MAX_SIGN_INS - 1)


def test_expired_pairs_are_forgotten_at_the_next_refresh() -> None:
    user = make_user()
    with clock.frozen(NOON):
        sign_in(user)
    with clock.frozen(NOON + timedelta(days=1)):
        pair = sign_in(user)

    with clock.frozen(NOON + IDLE_LIFETIME + timedelta(seconds=1)):
        refresh(pair)

    assert rows_of(user["id"]) == 2


def test_expired_pairs_are_forgotten_at_the_next_sign_in() -> None:
    user = make_user()
    with clock.frozen(NOON):
        sign_in(user)

    with clock.frozen(NOON + IDLE_LIFETIME + timedelta(seconds=1)):
        sign_in(user)

    assert get_db()(get_db().sessions.user_id == user["id"]).count() == 1


def test_refreshes_at_once_all_get_the_same_pair() -> None:
    with clock.frozen(NOON):
        first = sign_in()

        pairs = run_together([lambda: refresh(first)] * 6)

    answers = {pair.refresh_token if isinstance(pair, TokenPair) else pair for pair in pairs}
    assert len(answers) == 1
    assert get_db()(get_db().sessions.user_id == first.user_id).count() == 2
    assert isinstance(pairs[0], TokenPair)
    with clock.frozen(NOON):
        assert is_valid(pairs[0])


def test_no_pair_survives_the_end_of_its_sign_in_however_refreshes_run_beside_it() -> None:
    user = make_user()
    for _ in range(10):
        first = sign_in(user)

        actions: list[Callable[[], object]] = [
            partial(refresh, first),
            partial(change_user, user["id"], is_active=False),
        ]
        pair, disabled = run_together(actions)

        assert isinstance(pair, TokenPair | Unauthorized)
        assert isinstance(disabled, dict)
        update_user(user["id"], is_active=True)
        if isinstance(pair, TokenPair):
            assert not is_valid(pair)
