"""The rows of accounts, as the query functions write and read them."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app import clock
from app.models import (
    UniqueViolation,
    count_active_admins,
    create_user,
    delete_user,
    free_email,
    get_db,
    get_deleted_user,
    get_user,
    get_user_by_email,
    list_users,
    record_login,
    replace_password_hash,
    update_user,
)
from app.vocabulary import Role, UserType
from bilayer.runtime import CheckViolation, InvalidValue
from tests.factories import make_admin, make_user

pytestmark = pytest.mark.usefixtures("database")

NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)


def test_calls_of_the_shell_session_work_as_written() -> None:
    hashed_password = "$argon2id$..."

    user = create_user(
        email="test@example.com",
        password_hash=hashed_password,
        full_name="Test User",
        role="viewer",
    )
    found = get_user_by_email("test@example.com")
    user_id = user["id"]
    update_user(user_id, full_name="Updated Name")
    db = get_db()
    rows = db(db.users).select()

    assert type(user) is dict
    assert found is not None
    assert found["id"] == user_id
    assert [row.full_name for row in rows] == ["Updated Name"]
    assert "test@example.com" in str(rows)


def test_new_account_has_the_defaults_of_the_schema() -> None:
    with clock.frozen(NOON):
        user = create_user(email="Ada@Example.com", password_hash="x")

    assert user["email"] == "Ada@Example.com"
    assert user["email_key"] == "ada@example.com"
    assert user["role"] == Role.VIEWER
    assert user["user_type"] == UserType.INDIVIDUAL
    assert user["is_active"] is True
    assert user["is_deleted"] is False
    assert user["created_at"] == user["updated_at"] == NOON


def test_ids_follow_the_order_of_registration() -> None:
    ids = [make_user()["id"] for _ in range(5)]

    assert ids == sorted(ids)


@pytest.mark.parametrize("spelling", ["ada@example.com", " ADA@EXAMPLE.COM\t"])
def test_account_is_found_by_any_spelling_of_its_email(spelling: str) -> None:
    user = make_user(email="Ada@Example.com")

    found = get_user_by_email(spelling)

    assert found is not None
    assert found["id"] == user["id"]


def test_account_is_not_found_by_another_email() -> None:
    make_user(email="ada@example.com")

    assert get_user_by_email("ad_@example.com") is None
    assert get_user_by_email("%") is None


def test_two_accounts_cannot_share_an_email_in_any_spelling() -> None:
    make_user(email="ada@example.com")

    with pytest.raises(UniqueViolation):
        make_user(email="ADA@example.com")


def test_account_needs_an_email_unless_it_is_a_guests() -> None:
    guest = create_user(user_type=UserType.GUEST)

    assert guest["email"] is None
    with pytest.raises(CheckViolation):
        create_user(email="ada@example.com")


def test_any_number_of_guests_have_no_email() -> None:
    guests = [create_user(user_type=UserType.GUEST) for _ in range(3)]

    assert len({guest["id"] for guest in guests}) == 3


def test_unknown_role_is_refused() -> None:
    with pytest.raises(CheckViolation):
        make_user(role="emperor")


def test_update_changes_the_row_and_when_it_was_changed() -> None:
    with clock.frozen(NOON):
        user = make_user()

    with clock.frozen(NOON + timedelta(hours=1)):
        is_found = update_user(user["id"], full_name="Ada")

    changed = get_user(user["id"])
    assert is_found is True
    assert changed is not None
    assert changed["full_name"] == "Ada"
    assert changed["created_at"] == NOON
    assert changed["updated_at"] == NOON + timedelta(hours=1)


def test_update_of_nobody_says_so() -> None:
    deleted = make_user()["id"]
    delete_user(deleted)

    assert update_user(uuid4(), full_name="Ada") is False
    assert update_user(deleted, full_name="Ghost") is False
    assert (get_deleted_user(deleted) or {})["full_name"] is None


def test_update_of_an_unknown_column_is_an_error() -> None:
    user = make_user()

    with pytest.raises(InvalidValue):
        update_user(user["id"], nickname="Ada")


def test_new_email_is_found_and_the_old_one_is_free() -> None:
    user = make_user(email="old@example.com")

    update_user(user["id"], email="New@example.com")

    found = get_user_by_email("new@example.com")
    assert found is not None
    assert found["id"] == user["id"]
    assert make_user(email="old@example.com")


def test_password_hash_is_replaced_only_if_it_is_the_one_that_was_read() -> None:
    user = make_user(password_hash="first")

    assert replace_password_hash(user["id"], old="first", new="second") is True
    assert replace_password_hash(user["id"], old="first", new="third") is False

    changed = get_user(user["id"])
    assert changed is not None
    assert changed["password_hash"] == "second"


def test_deleted_account_is_found_only_among_the_deleted() -> None:
    user = make_user(email="ada@example.com")

    assert delete_user(user["id"]) is True
    assert delete_user(user["id"]) is False

    assert get_user(user["id"]) is None
    assert get_user_by_email("ada@example.com") is None
    deleted = get_deleted_user(user["id"])
    assert deleted is not None
    assert deleted["email"] == "ada@example.com"


def test_email_of_a_deleted_account_is_taken_until_it_is_given_up() -> None:
    user = make_user(email="ada@example.com")
    delete_user(user["id"])
    with pytest.raises(UniqueViolation):
        make_user(email="ada@example.com")

    assert free_email(user["id"]) is True

    assert (get_deleted_user(user["id"]) or {})["email"] is None
    assert [row["email"] for row in list_users(is_deleted=True, limit=2)] == [None]
    assert make_user(email="ada@example.com")["id"] != user["id"]


def test_account_in_use_keeps_its_email() -> None:
    user = make_user(email="ada@example.com")

    assert free_email(user["id"]) is False

    assert get_user_by_email("ada@example.com") is not None


def test_account_is_read_with_its_last_login() -> None:
    user = make_user()
    assert (get_user(user["id"]) or {})["last_login_at"] is None

    record_login(user["id"], at=NOON)

    assert (get_user(user["id"]) or {})["last_login_at"] == NOON
    assert [row["last_login_at"] for row in list_users(limit=2)] == [NOON]


def test_list_shows_the_latest_first_and_goes_on_after_a_row() -> None:
    ids = [make_user()["id"] for _ in range(5)]

    first = [row["id"] for row in list_users(limit=3)]
    rest = [row["id"] for row in list_users(limit=3, after=first[-1])]

    assert first + rest == ids[::-1]


def test_list_is_filtered_by_each_column() -> None:
    admin = make_admin()["id"]
    member = make_user(user_type=UserType.MEMBER)["id"]
    disabled = make_user()["id"]
    update_user(disabled, is_active=False)
    deleted = make_user(email="gone@example.com")["id"]
    delete_user(deleted)

    def ids(**filters: object) -> list[object]:
        return [row["id"] for row in list_users(limit=10, **filters)]  # type: ignore[arg-type]  # each filter has its own type

    assert ids(role=Role.ADMIN) == [admin]
    assert ids(user_type=UserType.MEMBER) == [member]
    assert ids(is_active=False) == [disabled]
    assert ids(is_active=True) == [member, admin]
    assert ids(is_deleted=True) == [deleted]
    assert ids(email="GONE@example.com") == []
    assert ids(email="GONE@example.com", is_deleted=True) == [deleted]


def test_only_administrators_who_can_sign_in_are_counted() -> None:
    make_user()
    make_admin()
    update_user(make_admin()["id"], is_active=False)
    delete_user(make_admin()["id"])

    assert count_active_admins() == 1
