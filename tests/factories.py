"""Rows for tests: each function states what matters to nobody, the test states the rest."""

from functools import cache
from itertools import count
from typing import Any
from uuid import UUID

import uuid_utils.compat

from app.models import create_user, get_db
from app.usecases import passwords
from app.vocabulary import Role, UserType

PASSWORD = "seven purple umbrellas"
_numbers = count(1)


def new_email() -> str:
    """Return an address that no other call returned."""
    return f"person-{next(_numbers)}@example.com"


def make_user(**columns: Any) -> dict[str, Any]:
    """Store an account whose password is ``PASSWORD``."""
    values = {"email": new_email(), "password_hash": hash_of_password(), **columns}
    return create_user(**values)


def make_admin(**columns: Any) -> dict[str, Any]:
    """Store an administrator."""
    return make_user(role=Role.ADMIN, **columns)


def make_guest(**columns: Any) -> dict[str, Any]:
    """Store a guest: an account without e-mail and password."""
    return create_user(user_type=UserType.GUEST, **columns)


def make_history(user_id: UUID, **columns: Any) -> dict[str, Any]:
    """Store an action, at the time of the clock unless ``created_at`` says another."""
    values = {
        "user_id": user_id,
        "id": uuid_utils.compat.uuid7(),
        "action_type": "TRANSLATE_DOG",
        "payload": {"text": "wuff"},
        **columns,
    }
    get_db().history.insert(**values)
    return values


@cache
def hash_of_password() -> str:
    """Hash ``PASSWORD`` once; hashing is slow on purpose."""
    return passwords.hash_password(PASSWORD)
