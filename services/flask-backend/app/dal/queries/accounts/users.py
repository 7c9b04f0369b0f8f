"""The rows of accounts. Deleted ones are found where the name of the function says so."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

import uuid_utils.compat

from app.dal.connection import get_db
from app.dal.queries import Query, Row
from app.vocabulary import Role, UserType
from bilayer.runtime import DAL, Param, json_contains, json_text, prepared, select

MAX_KEY_CHARACTERS: Final = 320
"""What the column ``email_key`` holds."""
_FREED_EMAIL: Final = "deleted:{id}"
"""Stands for the e-mail of a deleted account that gave it up: the column cannot be null.

No address can look like it, and no function returns it.
"""


def email_key(email: str) -> str:
    """Return what two spellings of one address have in common: NFC, case folded, trimmed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email.strip()).casefold())


def create_user(
    *,
    email: str | None = None,
    password_hash: str | None = None,
    full_name: str | None = None,
    role: str = Role.VIEWER,
    user_type: str = UserType.INDIVIDUAL,
) -> Row:
    """Create an account and return its row.

    Raises:
        UniqueViolation: The address belongs to an account, perhaps a deleted one.
        CheckViolation: The role or type is unknown, or an account that is not a guest's lacks an
            e-mail or a password hash.
    """
    db = get_db()
    user_id = uuid_utils.compat.uuid7()
    db.users.insert(
        id=user_id,
        email=email,
        email_key=None if email is None else email_key(email),
        password_hash=password_hash,
        full_name=full_name,
        role=str(role),
        user_type=str(user_type),
    )
    row: Row = db(db.users.id == user_id).one()
    return row


def get_user(user_id: UUID) -> Row | None:
    """Return an account that is not deleted, with ``last_login_at``, or None."""
    return _by_id(user_id, deleted=False)


def get_deleted_user(user_id: UUID) -> Row | None:
    """Return a deleted account, with ``last_login_at``, or None."""
    return _by_id(user_id, deleted=True)


def get_user_by_email(email: str) -> Row | None:
    """Return the account, not deleted, that has this address in any spelling, or None."""
    db = get_db()
    users = db.users
    row: Row | None = db(_has_email(email) & (users.is_deleted == False)).one(  # noqa: E712 - a query
        *_columns(db), left=_with_logins(db)
    )
    return row and _without_freed_email(row)


def list_users(
    *,
    role: str | None = None,
    user_type: str | None = None,
    is_active: bool | None = None,
    is_deleted: bool = False,
    email: str | None = None,
    company: str | None = None,
    prefers: Mapping[str, Any] | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[Row]:
    """Return accounts with ``last_login_at``, by id, the latest first.

    Ids made here are UUIDv7, so this is the order of registration, read from the primary key.

    Args:
        role: Only accounts with this role.
        user_type: Only accounts of this type.
        is_active: Only accounts that are active, or that are disabled.
        is_deleted: Deleted accounts instead of the others.
        email: Only the account with this address, in any spelling.
        company: Only accounts whose preferences name this company.
        prefers: Only accounts whose preferences contain this document.
        after: Only accounts behind this one in the list.
        limit: How many at most.
    """
    db = get_db()
    users = db.users
    query = users.is_deleted == is_deleted
    for column, value in ((users.role, role), (users.user_type, user_type)):
        if value is not None:
            query &= column == value
    if is_active is not None:
        query &= users.is_active == is_active
    if email is not None:
        query &= _has_email(email)
    for wanted in _preferring(company, prefers):
        query &= users.id.belongs(db(wanted).nested_select(db.profiles.user_id))
    if after is not None:
        query &= users.id < after
    rows: list[Row] = db(query).dicts(
        *_columns(db), left=_with_logins(db), orderby=~users.id, limitby=(0, limit)
    )
    return [_without_freed_email(row) for row in rows]


def _preferring(company: str | None, prefers: Mapping[str, Any] | None) -> Iterator[Query]:
    """Yield what is asked of profiles, spelled as the indexes of PostgreSQL are."""
    preferences = get_db().profiles.preferences
    if company is not None:
        yield json_text(preferences, "company") == company
    if prefers is not None:
        yield json_contains(preferences, dict(prefers))


def update_user(user_id: UUID, **columns: Any) -> bool:
    """Change an account that is not deleted, and tell whether there is one.

    Args:
        user_id: Whose account it is.
        columns: New values; ``email_key`` follows ``email``.

    Raises:
        InvalidValue: A column does not exist or does not take the value.
        UniqueViolation: The new e-mail belongs to another account.
    """
    db = get_db()
    if columns.get("email") is not None:
        columns["email_key"] = email_key(columns["email"])
    query = (db.users.id == user_id) & (db.users.is_deleted == False)  # noqa: E712 - a query
    return bool(db(query).update(**columns))


def replace_password_hash(user_id: UUID, *, old: str, new: str) -> bool:
    """Replace a password's hash, unless it has been replaced since ``old`` was read."""
    db = get_db()
    query = (db.users.id == user_id) & (db.users.password_hash == old)
    return bool(db(query).update(password_hash=new))


def delete_user(user_id: UUID) -> bool:
    """Mark an account as deleted; tell whether it was not. Its e-mail stays taken."""
    db = get_db()
    query = (db.users.id == user_id) & (db.users.is_deleted == False)  # noqa: E712 - a query
    return bool(db(query).update(is_deleted=True))


def delete_guest(user_id: UUID) -> bool:
    """Mark an account as deleted if it is a guest's; tell whether it was one, and was not yet."""
    db = get_db()
    query = (db.users.id == user_id) & (db.users.user_type == str(UserType.GUEST))
    return bool(db(query & (db.users.is_deleted == False)).update(is_deleted=True))  # noqa: E712 - a query


def free_email(user_id: UUID) -> bool:
    """Take the e-mail from a deleted account, so that another may have it."""
    db = get_db()
    freed = _FREED_EMAIL.format(id=user_id)
    query = (db.users.id == user_id) & (db.users.is_deleted == True)  # noqa: E712 - a query
    return bool(db(query).update(email=freed, email_key=freed))


def lock_user(user_id: UUID) -> Row | None:
    """Lock an account until the transaction ends, and return its row as it is now, or None.

    Transactions lock this row before any other row of the account, except the head of its synced
    rows, which comes first: one order, no deadlock.
    """
    db = get_db()
    rows: list[Row] = db.lock_rows(db.users.id == user_id)
    return rows[0] if rows else None


def count_active_admins() -> int:
    """Return how many administrators can sign in."""
    db = get_db()
    return int(db(_active_admins(db)).count())


def lock_active_admins() -> list[Row]:
    """Lock every administrator who can sign in until the transaction ends, and return them.

    Who is appointed meanwhile is not among them.
    """
    db = get_db()
    # MariaDB locks each row that it looks at, and would wait for those of others.
    ids = [row["id"] for row in db(_active_admins(db)).dicts(db.users.id)]
    db.lock_rows(db.users.id.belongs(ids), orderby=db.users.id)
    rows: list[Row] = db(_active_admins(db) & db.users.id.belongs(ids)).dicts()
    return rows


def _active_admins(db: DAL) -> Query:
    query = db.users.role == str(Role.ADMIN)
    query &= db.users.is_active == True  # noqa: E712 - a query
    query &= db.users.is_deleted == False  # noqa: E712 - a query
    return query


def _has_email(email: str) -> Query:
    key = email_key(email)
    # Folding case can make text longer than the column, and then no row has it.
    return get_db().users.email_key.belongs([key] if len(key) <= MAX_KEY_CHARACTERS else [])


def _by_id(user_id: UUID, *, deleted: bool) -> Row | None:
    row = _BY_ID.one(get_db(), id=user_id, deleted=deleted)
    return row and _without_freed_email(row)


def _without_freed_email(row: Row) -> Row:
    is_freed = row["email"] == _FREED_EMAIL.format(id=row["id"])
    return row | {"email": None} if is_freed else row


def _columns(db: DAL) -> tuple[Any, ...]:
    """Return what is read of an account: its row, with ``last_login_at``."""
    return db.users.ALL, db.logins.last_login_at


def _with_logins(db: DAL) -> Any:
    return db.logins.on(db.logins.user_id == db.users.id)


_BY_ID: Final = prepared(
    lambda db: select(
        (db.users.id == Param("id")) & (db.users.is_deleted == Param("deleted")),
        *_columns(db),
        left=_with_logins(db),
    )
)
