"""Accounts of others, as administrators see and change them over HTTP."""

from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from app.models import delete_user, release, update_user
from app.vocabulary import Role, UserType
from tests.factories import make_admin, make_guest, make_user
from tests.support.people import Person, document, flaws, login, person, problem, register


@pytest.fixture
def admin(client: FlaskClient) -> Person:
    return person(client, make_admin(email="admin@example.com"))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MAINTAINER])
def test_others_may_not_see_or_change_accounts(client: FlaskClient, role: Role) -> None:
    user = make_user(role=role)
    ada = person(client, user)

    for response in (
        ada.get("/users"),
        ada.get(f"/users/{user['id']}"),
        ada.patch(f"/users/{user['id']}", {"role": "admin"}),
    ):
        assert problem(response) == (403, "FORBIDDEN")
    assert document(ada.get("/users/me"))["role"] == role


def test_list_is_paged_from_the_latest_and_filtered(admin: Person) -> None:
    ids = [str(make_user(user_type=UserType.MEMBER)["id"]) for _ in range(5)]
    make_user()
    release()
    met: list[str] = []
    cursor: dict[str, str] = {}

    while True:
        page = document(admin.get("/users", user_type="member", limit=2, **cursor))
        met += [user["id"] for user in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert met == ids[::-1]
    assert all("password_hash" not in user for user in page["items"])


def test_each_filter_narrows_the_list(admin: Person) -> None:
    disabled = make_user(email="off@example.com")
    update_user(disabled["id"], is_active=False)
    deleted = make_user(email="gone@example.com")
    delete_user(deleted["id"])
    release()

    def emails(**query: str) -> list[str]:
        return [user["email"] for user in document(admin.get("/users", **query))["items"]]

    assert emails(role="admin") == ["admin@example.com"]
    assert emails(is_active="false") == ["off@example.com"]
    assert emails(is_active="true") == ["admin@example.com"]
    assert emails(is_deleted="true") == ["gone@example.com"]
    assert emails(email="OFF@example.com") == ["off@example.com"]
    assert emails(email="o%", role="viewer") == []
    assert emails(email="\ufb03" * 254) == []
    assert emails() == ["off@example.com", "admin@example.com"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"role": "emperor"}, "role"),
        ({"user_type": "x"}, "user_type"),
        ({"is_active": "1"}, "is_active"),
        ({"limit": "0"}, "limit"),
        ({"limit": "201"}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"email": "x" * 255}, "email"),
        ({"offset": "1"}, "offset"),
    ],
)
def test_bad_query_is_refused(admin: Person, query: dict[str, str], field: str) -> None:
    assert list(flaws(admin.get("/users", **query))) == [field]


def test_cursor_is_refused_with_other_filters(admin: Person) -> None:
    make_user()
    release()
    cursor = document(admin.get("/users", limit=1))["next_cursor"]

    response = admin.get("/users", limit=1, role="viewer", cursor=cursor)

    assert flaws(response) == {"cursor": "INVALID_CURSOR"}


def test_administrator_reads_an_account(admin: Person) -> None:
    user = make_user(full_name="Ada")

    answer = document(admin.get(f"/users/{user['id']}"))

    assert answer["full_name"] == "Ada"
    assert "password_hash" not in answer


def test_deleted_and_unknown_accounts_do_not_exist(admin: Person) -> None:
    deleted = make_user()["id"]
    delete_user(deleted)
    release()

    for user_id in (deleted, uuid4()):
        assert problem(admin.get(f"/users/{user_id}")) == (404, "USER_NOT_FOUND")
        for changes in ({"role": "admin"}, {"is_active": False}, {"is_active": True}):
            response = admin.patch(f"/users/{user_id}", changes)
            assert problem(response) == (404, "USER_NOT_FOUND")


@pytest.mark.parametrize("user_id", ["1", "me2", "%00", "{id}", "0190b1a47c0070008000000000000aa"])
def test_malformed_id_is_refused(admin: Person, user_id: str) -> None:
    assert flaws(admin.get(f"/users/{user_id}")) == {"id": "INVALID_ID"}


def test_new_role_ends_all_sign_ins_and_holds_at_once(client: FlaskClient, admin: Person) -> None:
    user = make_user()
    viewer = person(client, user)
    assert problem(viewer.get("/users")) == (403, "FORBIDDEN")

    changed = document(admin.patch(f"/users/{user['id']}", {"role": "admin"}))

    assert changed["role"] == "admin"
    assert problem(viewer.get("/users")) == (401, "TOKEN_INVALID")
    promoted = person(client, user)
    assert promoted.get("/users").status_code == 200
    admin.patch(f"/users/{user['id']}", {"role": "viewer"})
    assert problem(promoted.get("/users")) == (401, "TOKEN_INVALID")


def test_role_that_stays_the_same_ends_nothing(client: FlaskClient, admin: Person) -> None:
    user = make_user()
    viewer = person(client, user)

    admin.patch(f"/users/{user['id']}", {"role": "viewer", "is_active": True})

    assert viewer.get("/users/me").status_code == 200


def test_guest_has_no_other_role(client: FlaskClient, admin: Person) -> None:
    user = make_guest()
    guest = person(client, user)

    for role in ("admin", "maintainer"):
        refused = admin.patch(f"/users/{user['id']}", {"role": role, "is_active": False})
        assert problem(refused) == (403, "GUEST_ACCOUNT")

    me = document(guest.get("/users/me"))
    assert (me["role"], me["is_active"]) == ("viewer", True)
    changed = admin.patch(f"/users/{user['id']}", {"role": "viewer", "is_active": True})
    assert changed.status_code == 200


def test_disabling_ends_all_sessions_for_good(client: FlaskClient, admin: Person) -> None:
    user = make_user(email="ada@example.com")
    ada = person(client, user)

    disabled = document(admin.patch(f"/users/{user['id']}", {"is_active": False}))

    assert disabled["is_active"] is False
    assert problem(ada.get("/users/me")) == (401, "TOKEN_INVALID")
    assert problem(login(client, email="ada@example.com")) == (403, "ACCOUNT_DISABLED")
    admin.patch(f"/users/{user['id']}", {"is_active": True})
    assert problem(ada.get("/users/me")) == (401, "TOKEN_INVALID")
    assert login(client, email="ada@example.com").status_code == 200


def test_last_administrator_can_be_neither_demoted_nor_disabled(
    client: FlaskClient, admin: Person
) -> None:
    me = document(admin.get("/users/me"))["id"]
    for changes in ({"role": "viewer"}, {"is_active": False}, {"role": "maintainer"}):
        assert problem(admin.patch(f"/users/{me}", changes)) == (409, "LAST_ADMIN")
    assert admin.patch(f"/users/{me}", {"role": "admin", "is_active": True}).status_code == 200

    make_admin()

    assert admin.patch(f"/users/{me}", {"role": "viewer"}).status_code == 200
    assert problem(admin.get("/users")) == (401, "TOKEN_INVALID")


def test_email_of_a_deleted_account_can_be_given_free(client: FlaskClient, admin: Person) -> None:
    user = make_user(email="ada@example.com")
    path = f"/users/{user['id']}"
    assert problem(admin.patch(path, {"email": None})) == (409, "ACCOUNT_NOT_DELETED")
    delete_user(user["id"])
    release()
    assert problem(register(client, email="ada@example.com")) == (409, "EMAIL_TAKEN")

    freed = document(admin.patch(path, {"email": None}))

    assert freed["id"] == str(user["id"])
    assert freed["email"] is None
    listed = document(admin.get("/users", is_deleted="true"))["items"]
    assert [account["email"] for account in listed] == [None]
    assert register(client, email="ada@example.com").status_code == 201
    assert admin.patch(path, {"email": None}).status_code == 200


def test_email_of_nobody_cannot_be_given_free(admin: Person) -> None:
    assert problem(admin.patch(f"/users/{uuid4()}", {"email": None})) == (404, "USER_NOT_FOUND")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, ""),
        ({"role": None}, "role"),
        ({"role": "emperor"}, "role"),
        ({"is_active": None}, "is_active"),
        ({"is_active": "true"}, "is_active"),
        ({"is_active": 1}, "is_active"),
        ({"email": "new@example.com"}, "email"),
        ({"email": None, "role": "viewer"}, ""),
        ({"full_name": "Ada"}, "full_name"),
        ({"password_hash": "x"}, "password_hash"),
        ({"is_deleted": False}, "is_deleted"),
        ({"user_type": "member"}, "user_type"),
    ],
)
def test_bad_change_is_refused(admin: Person, changes: dict[str, object], field: str) -> None:
    user = make_user()
    before = document(admin.get(f"/users/{user['id']}"))

    assert list(flaws(admin.patch(f"/users/{user['id']}", changes))) == [field]

    assert document(admin.get(f"/users/{user['id']}")) == before
