"""Where an account is signed in, as its owner sees and ends it."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from app import clock
from app.errors import NotFound, Unauthorized
from app.models import get_db
from app.usecases.administration import change_user
from app.usecases.sessions import (
    IDLE_LIFETIME,
    Client,
    Principal,
    TokenPair,
    authenticate,
    end_session,
    open_session,
    refresh_session,
)
from app.usecases.sign_ins import end_other_sign_ins, end_sign_in, list_sign_ins
from app.vocabulary import Role
from tests.factories import make_user
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

KEYS = [b"key of the server"]
PHONE = Client("192.0.2.1", "phone")
TABLET = Client("2001:db8::1", "tablet")


def sign_in(user: dict[str, Any], client: Client = PHONE) -> TokenPair:
    return open_session(user["id"], client)


def asks(pair: TokenPair) -> Principal:
    return authenticate(pair.access_token)


def is_live(pair: TokenPair) -> bool:
    try:
        return asks(pair) is not None
    except Unauthorized:
        return False


def test_owner_sees_where_the_account_is_signed_in_the_latest_first() -> None:
    user = make_user()
    phone, tablet = sign_in(user, PHONE), sign_in(user, TABLET)
    sign_in(make_user())

    seen = list_sign_ins(asks(phone))

    assert [(one.user_agent, one.address) for one in seen] == [
        ("tablet", "2001:db8::1"),
        ("phone", "192.0.2.1"),
    ]
    assert [one.is_current for one in seen] == [False, True]
    assert [one.is_current for one in list_sign_ins(asks(tablet))] == [True, False]


def test_renewal_moves_a_sign_in_and_keeps_its_id() -> None:
    pair = sign_in(make_user(), PHONE)
    [before] = list_sign_ins(asks(pair))

    renewed = refresh_session(pair.refresh_token, TABLET, keys=KEYS)
    [after] = list_sign_ins(asks(renewed))

    assert after.id == before.id
    assert after.created_at == before.created_at
    assert after.last_used_at > before.last_used_at
    assert (after.user_agent, after.address) == ("tablet", "2001:db8::1")
    assert after.is_current


def test_access_token_that_was_just_replaced_knows_its_sign_in() -> None:
    pair = sign_in(make_user())
    principal = asks(pair)

    refresh_session(pair.refresh_token, PHONE, keys=KEYS)

    assert [one.is_current for one in list_sign_ins(principal)] == [True]


def test_id_of_a_sign_in_is_no_part_of_its_tokens() -> None:
    pair = sign_in(make_user())
    [seen] = list_sign_ins(asks(pair))
    row = get_db()(get_db().sessions).one()

    assert seen.id not in {row["id"], row["family_id"], row["user_id"]}
    # Whoever knows a family's id ends it by a made-up token.
    with pytest.raises(NotFound):
        end_sign_in(asks(pair), row["family_id"])


def test_owner_ends_one_sign_in_at_once() -> None:
    user = make_user()
    mine, other, third = sign_in(user), sign_in(user), sign_in(user)
    [target] = [one for one in list_sign_ins(asks(other)) if one.is_current]

    end_sign_in(asks(mine), target.id)

    assert [is_live(pair) for pair in (mine, other, third)] == [True, False, True]
    with pytest.raises(Unauthorized):
        refresh_session(other.refresh_token, PHONE, keys=KEYS)
    with pytest.raises(NotFound) as refused:
        end_sign_in(asks(mine), target.id)
    assert refused.value.code == "SESSION_NOT_FOUND"


def test_owner_may_end_the_sign_in_that_asks() -> None:
    pair = sign_in(make_user())
    [seen] = list_sign_ins(asks(pair))

    end_sign_in(asks(pair), seen.id)

    assert not is_live(pair)


def test_nobody_ends_the_sign_in_of_another_account() -> None:
    mine, theirs = sign_in(make_user()), sign_in(make_user())
    [seen] = list_sign_ins(asks(theirs))

    for sign_in_id in (seen.id, uuid4()):
        with pytest.raises(NotFound):
            end_sign_in(asks(mine), sign_in_id)

    assert is_live(theirs)


def test_owner_ends_all_other_sign_ins_at_once() -> None:
    user = make_user()
    mine, others = sign_in(user), [sign_in(user), sign_in(user)]
    stranger = sign_in(make_user())

    end_other_sign_ins(asks(mine))

    assert is_live(mine)
    assert is_live(stranger)
    assert not any(is_live(pair) for pair in others)
    assert len(list_sign_ins(asks(mine))) == 1


def test_of_two_who_end_each_other_at_once_one_is_left() -> None:
    user = make_user()
    pairs = [sign_in(user), sign_in(user)]

    run_together([partial(end_other_sign_ins, asks(pair)) for pair in pairs])

    assert [is_live(pair) for pair in pairs].count(True) == 1


def test_sign_in_that_cannot_be_renewed_any_more_is_not_listed() -> None:
    user = make_user()
    begun = clock.now()
    with clock.frozen(begun):
        sign_in(user)

    with clock.frozen(begun + IDLE_LIFETIME):
        later = sign_in(user)

        assert [one.is_current for one in list_sign_ins(asks(later))] == [True]


def test_logout_ends_the_sign_in_though_its_tokens_were_replaced_twice_meanwhile() -> None:
    pair = sign_in(make_user())
    principal = asks(pair)
    renewed = refresh_session(pair.refresh_token, PHONE, keys=KEYS)
    latest = refresh_session(renewed.refresh_token, PHONE, keys=KEYS)

    end_session(principal)

    assert not is_live(latest)


@pytest.mark.parametrize(
    ("change", "is_ended"),
    [
        ({"role": Role.MAINTAINER}, True),
        ({"role": Role.VIEWER}, False),
        ({"is_active": False}, True),
        ({"is_active": True}, False),
    ],
)
def test_change_of_rights_ends_all_sign_ins(change: dict[str, Any], is_ended: bool) -> None:
    user = make_user(role=Role.VIEWER)
    pair = sign_in(user)

    change_user(user["id"], **change)

    assert is_live(pair) is not is_ended
