"""What administrators do with the accounts of others. Who is one is checked before."""

from typing import Any
from uuid import UUID

from app.errors import Conflict, Forbidden, NotFound
from app.models import (
    Row,
    free_email,
    get_deleted_user,
    get_user,
    list_users,
    lock_user,
    update_user,
)
from app.usecases.accounts import require_dispensable, require_user
from app.usecases.sessions import end_all_sessions
from app.usecases.work import unit_of_work
from app.vocabulary import Role, UserType

__all__ = ["change_user", "list_users", "release_email"]


@unit_of_work
def change_user(user_id: UUID, **columns: Any) -> Row:
    """Change an account for its owner, and return it.

    Args:
        user_id: Whose account it is.
        columns: ``role``, and ``is_active``, False for disabled. Another role, like being
            disabled, ends all sessions at once.

    Raises:
        NotFound: ``USER_NOT_FOUND``.
        Forbidden: ``GUEST_ACCOUNT``: a guest has no password, and could never sign in again.
        Conflict: ``LAST_ADMIN``: nobody could manage accounts any more; administrators may
            demote or disable themselves as long as another one is left.
    """
    is_disabled = columns.get("is_active") is False
    if is_disabled or columns.get("role", Role.ADMIN) != Role.ADMIN:
        require_dispensable(user_id)
    user = lock_user(user_id)
    if user is None or user["is_deleted"]:
        raise NotFound("USER_NOT_FOUND", "There is no such user.")
    is_another_role = columns.get("role", user["role"]) != user["role"]
    if is_another_role and user["user_type"] == UserType.GUEST:
        raise Forbidden("GUEST_ACCOUNT", "A guest has no password. It has to register first.")
    update_user(user_id, **columns)
    if is_disabled or is_another_role:
        end_all_sessions(user_id)
    return require_user(user_id)


@unit_of_work
def release_email(user_id: UUID) -> Row:
    """Take the e-mail of a deleted account, so that somebody else can register it.

    Raises:
        NotFound: ``USER_NOT_FOUND``.
        Conflict: ``ACCOUNT_NOT_DELETED``: whoever uses an account keeps its e-mail.
    """
    if get_user(user_id) is not None:
        raise Conflict("ACCOUNT_NOT_DELETED", "Only a deleted account can give up its e-mail.")
    free_email(user_id)
    user = get_deleted_user(user_id)
    if user is None:
        raise NotFound("USER_NOT_FOUND", "There is no such user.")
    return user
