"""Signing up and in, and how an account ends."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
from argon2 import PasswordHasher

from app.errors import AppError, Conflict, Forbidden, Invalid, NotFound, Unauthorized
from app.models import (
    create_session,
    get_db,
    get_profile,
    get_user,
    get_user_by_email,
    lock_user,
    revoke_sessions,
    transaction,
    update_user,
)
from app.usecases import accounts, passwords, sessions
from app.usecases.accounts import count_admins, create_admin, delete_account, update_account
from app.usecases.administration import change_user
from app.usecases.registration import register
from app.usecases.sessions import Client, authenticate
from app.usecases.signing_in import SignedIn, login, refresh
from app.vocabulary import MANAGED_EXTERNALLY, Role
from bilayer.runtime import LockTimeout
from tests.factories import PASSWORD, make_admin, make_user
from tests.support.threads import run_together

pytestmark = pytest.mark.usefixtures("database")

CLIENT = Client("192.0.2.1", "phone")


def sign_up(email: str = "ada@example.com") -> SignedIn:
    return register(email=email, password=PASSWORD, client=CLIENT, key=b"key")


def sign_in(email: str = "ada@example.com", password: str = PASSWORD) -> SignedIn:
    return login(email=email, password=password, client=CLIENT)


def code_of(result: object) -> str:
    return result.code if isinstance(result, AppError) else type(result).__name__


def test_whoever_signs_up_is_a_viewer_and_signed_in() -> None:
    signed_in = sign_up()

    assert authenticate(signed_in.tokens.access_token).role == Role.VIEWER
    assert get_profile(signed_in.user["id"]) is not None
    assert sign_in().user["id"] == signed_in.user["id"]


def test_password_is_stored_as_a_hash_only() -> None:
    user = sign_up().user

    assert user["password_hash"].startswith("$argon2id$")
    assert PASSWORD not in str(get_db()(get_db().users).dicts())


def test_every_flaw_of_a_new_administrator_is_told_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        create_admin(email="nobody", password="short")

    assert [error.field for error in refused.value.errors] == ["email", "password"]
    assert get_db()(get_db().users).isempty()


def test_email_is_taken_in_any_spelling() -> None:
    sign_up("ada@example.com")

    with pytest.raises(Conflict) as refused:
        sign_up("ADA@example.com")

    assert refused.value.code == "EMAIL_TAKEN"


def test_of_many_who_sign_up_with_one_email_at_once_exactly_one_does() -> None:
    results = run_together([sign_up] * 6)

    assert sorted(map(code_of, results)) == ["EMAIL_TAKEN"] * 5 + ["SignedIn"]
    assert get_db()(get_db().users).count() == 1
    assert get_db()(get_db().profiles).count() == 1


def test_sign_in_is_recorded() -> None:
    user = sign_up().user
    assert user["last_login_at"] is None

    assert sign_in().user["last_login_at"] is not None


def test_every_reason_not_to_sign_in_has_the_same_answer() -> None:
    sign_up("right@example.com")
    make_user(email="external@example.com", password_hash=MANAGED_EXTERNALLY)
    deleted = make_user(email="deleted@example.com")
    delete_account(deleted["id"])

    answers = set()
    for email, password in [
        ("right@example.com", "wrong guess"),
        ("unknown@example.com", PASSWORD),
        ("external@example.com", MANAGED_EXTERNALLY),
        ("deleted@example.com", PASSWORD),
        ("no address at all", PASSWORD),
    ]:
        with pytest.raises(Unauthorized) as refused:
            sign_in(email, password)
        answers.add((refused.value.code, refused.value.message))

    assert len(answers) == 1


def test_every_reason_not_to_sign_in_costs_one_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    make_user(email="right@example.com")
    make_user(email="external@example.com", password_hash=MANAGED_EXTERNALLY)
    verified = []

    class CountingHasher(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002 - its name there
            verified.append(passwords._HASHER.check_needs_rehash(str(hash)))
            return super().verify(hash, password)

    counting = CountingHasher(time_cost=2, memory_cost=19456, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", counting)

    for email in ("right@example.com", "external@example.com", "unknown@example.com"):
        with pytest.raises(Unauthorized):
            sign_in(email, "wrong guess")

    assert verified == [False, False, False]


def test_only_whoever_knows_the_password_learns_that_an_account_is_disabled() -> None:
    user = make_user(email="ada@example.com")
    update_user(user["id"], is_active=False)

    with pytest.raises(Forbidden) as refused:
        sign_in()
    assert refused.value.code == "ACCOUNT_DISABLED"

    with pytest.raises(Unauthorized):
        sign_in(password="wrong guess")


@pytest.mark.parametrize("failing", ["create_session", "create_profile"])
def test_whoever_cannot_be_signed_in_is_not_signed_up_either(
    monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise LockTimeout("the row is locked")

    with monkeypatch.context() as patch, pytest.raises(LockTimeout):
        patch.setattr(sessions if failing == "create_session" else accounts, failing, fail)
        sign_up()

    assert get_db()(get_db().users).isempty()
    assert sign_up().user["email"] == "ada@example.com"


@pytest.mark.parametrize(
    ("end", "code"), [("disable", "ACCOUNT_DISABLED"), ("delete", "INVALID_CREDENTIALS")]
)
def test_account_that_ends_while_its_password_is_compared_is_not_signed_in_to(
    monkeypatch: pytest.MonkeyPatch, end: str, code: str
) -> None:
    user = sign_up().user
    compare = passwords.is_password

    def compare_slowly(password: str, password_hash: str | None) -> bool:
        if end == "disable":
            change_user(user["id"], is_active=False)
        else:
            delete_account(user["id"])
        return compare(password, password_hash)

    monkeypatch.setattr(passwords, "is_password", compare_slowly)

    with pytest.raises(AppError) as refused:
        sign_in()

    assert refused.value.code == code
    assert all(row["revoked_at"] is not None for row in get_db()(get_db().sessions).dicts())


@pytest.mark.parametrize("end", ["disable", "delete"])
def test_refresh_and_the_end_of_an_account_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """Each is held up where it has locked one row and wants the next one."""
    signed_in = sign_up()
    user_id = signed_in.user["id"]

    def store_slowly(*arguments: Any, **columns: Any) -> UUID:
        time.sleep(0.3)
        return create_session(*arguments, **columns)

    def revoke_slowly(*arguments: Any, **columns: Any) -> None:
        time.sleep(0.3)
        revoke_sessions(*arguments, **columns)

    monkeypatch.setattr(sessions, "create_session", store_slowly)
    monkeypatch.setattr(sessions, "revoke_sessions", revoke_slowly)
    actions: list[Callable[[], object]] = [
        partial(refresh, signed_in.tokens.refresh_token, CLIENT, keys=[b"key"]),
        partial(change_user, user_id, is_active=False)
        if end == "disable"
        else partial(delete_account, user_id),
    ]

    renewed, finished = run_together(actions)

    assert code_of(renewed) in {"SignedIn", "TOKEN_INVALID"}
    assert not isinstance(finished, Exception)
    assert all(row["revoked_at"] is not None for row in get_db()(get_db().sessions).dicts())


def test_weaker_hash_is_replaced_at_the_next_sign_in() -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    user = make_user(email="ada@example.com", password_hash=weaker)

    sign_in()

    changed = get_user(user["id"])
    assert changed is not None
    assert not passwords.is_outdated(changed["password_hash"])
    assert sign_in().user["id"] == user["id"]


def test_hash_is_not_replaced_by_a_wrong_password() -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    user = make_user(email="ada@example.com", password_hash=weaker)

    with pytest.raises(Unauthorized):
        sign_in(password="wrong guess")

    assert (get_user(user["id"]) or {})["password_hash"] == weaker


def test_deletion_ends_all_sessions_and_keeps_the_email_taken() -> None:
    signed_in = sign_up()

    delete_account(signed_in.user["id"])

    with pytest.raises(Unauthorized):
        authenticate(signed_in.tokens.access_token)
    sessions = get_db()(get_db().sessions).dicts()
    assert all(session["revoked_at"] is not None for session in sessions)
    assert get_user_by_email("ada@example.com") is None
    with pytest.raises(Conflict):
        sign_up()


def test_deleted_account_cannot_be_deleted_or_changed() -> None:
    user = make_user()
    delete_account(user["id"])

    with pytest.raises(NotFound):
        delete_account(user["id"])
    with pytest.raises(NotFound):
        update_account(user["id"], full_name="Ghost")
    with pytest.raises(NotFound):
        update_account(uuid4(), full_name="Nobody")


def test_last_administrator_cannot_leave() -> None:
    admin, other = make_admin(), make_admin()
    update_user(other["id"], is_active=False)

    with pytest.raises(Conflict) as refused:
        delete_account(admin["id"])

    assert refused.value.code == "LAST_ADMIN"
    assert count_admins() == 1


def test_two_administrators_who_leave_at_once_do_not_both_leave() -> None:
    leaves: list[Callable[[UUID], object]] = [
        delete_account,
        partial(change_user, role=Role.VIEWER),
        partial(change_user, is_active=False),
    ]
    for leave in leaves:
        first, second = make_admin(), make_admin()

        results = run_together([partial(leave, first["id"]), partial(leave, second["id"])])

        assert [code_of(result) for result in results].count("LAST_ADMIN") == 1
        assert count_admins() == 1
        update_user(first["id"], role=Role.VIEWER)
        update_user(second["id"], role=Role.VIEWER)


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"], indirect=True)
def test_administrator_who_leaves_waits_for_no_other_account() -> None:
    make_admin()
    leaving, viewer = make_admin(), make_user()

    with transaction():
        lock_user(viewer["id"])
        results = run_together([partial(delete_account, leaving["id"])])

    assert results == [None]
    assert count_admins() == 1


def test_promotion_that_comes_between_does_not_let_the_last_administrator_leave() -> None:
    old, new = make_admin(), make_user()
    is_promoted = threading.Event()

    def hand_over() -> None:
        with transaction():
            update_user(new["id"], role=Role.ADMIN)
            is_promoted.set()
            time.sleep(0.3)  # The other one reads the old role, and waits for the row.
            update_user(old["id"], role=Role.VIEWER)

    def leave() -> None:
        is_promoted.wait()
        delete_account(new["id"])

    results = run_together([hand_over, leave])

    assert code_of(results[1]) == "LAST_ADMIN"
    assert count_admins() == 1


def test_administrator_of_the_command_line_has_to_choose_well_too() -> None:
    admin = create_admin(email="admin@localhost", password=PASSWORD)

    assert admin["role"] == Role.ADMIN
    assert count_admins() == 1
    with pytest.raises(Conflict):
        create_admin(email="ADMIN@localhost", password=PASSWORD)
    with pytest.raises(Invalid):
        create_admin(email="other@localhost", password="password")
