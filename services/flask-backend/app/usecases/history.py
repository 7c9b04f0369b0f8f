"""What people did: storing, changing and deleting actions, each within one account."""

from typing import Any, Final
from uuid import UUID

from app.errors import Conflict, FieldError, NotFound
from app.models import (
    Row,
    UniqueViolation,
    create_history,
    delete_history,
    get_history,
    get_history_or_deleted,
    list_history,
    update_history,
)
from app.sorted_json import dump_words
from app.usecases.work import unit_of_work
from bilayer.documents import dump
from bilayer.runtime.errors import SerializationFailure

MAX_PAYLOAD_BYTES: Final = 65_536
MAX_PAYLOAD_DEPTH: Final = 16

__all__ = [
    "change_action",
    "delete_action",
    "find_payload_flaw",
    "list_history",
    "record_action",
    "require_action",
]


@unit_of_work
def record_action(
    user_id: UUID, *, action_id: UUID | None, action_type: str, payload: dict[str, Any]
) -> tuple[Row, bool]:
    """Store an action; tell its row, and whether it is new.

    A client that did not hear the answer may send the same action again.

    Args:
        user_id: Whose action it is.
        action_id: Its id if the client made one.
        action_type: What was done.
        payload: Anything about it.

    Raises:
        Conflict: ``ID_TAKEN``: another action has the id. ``ACTION_DELETED``: it was deleted.
    """
    columns: dict[str, Any] = {"action_type": action_type, "payload": payload}
    if action_id is None:
        return create_history(user_id, **columns), True
    row = get_history_or_deleted(user_id, action_id)
    if row is None:
        try:
            return create_history(user_id, history_id=action_id, **columns), True
        except UniqueViolation:
            raise SerializationFailure("another request stored this action first") from None
    if row["is_deleted"]:
        raise Conflict("ACTION_DELETED", "The action with this id was deleted.")
    if row["action_type"] != action_type or not is_same_json(row["payload"], payload):
        raise Conflict("ID_TAKEN", "Another action has this id.")
    return row, False


def require_action(user_id: UUID, action_id: UUID) -> Row:
    """Return an action of this account.

    Raises:
        NotFound: ``HISTORY_NOT_FOUND``: it does not exist, is deleted, or is somebody else's.
    """
    row = get_history(user_id, action_id)
    if row is None:
        raise _no_such_action()
    return row


@unit_of_work
def change_action(user_id: UUID, action_id: UUID, **columns: Any) -> Row:
    """Change ``action_type`` or ``payload`` (as a whole) of an action, and return it.

    Raises:
        NotFound: ``HISTORY_NOT_FOUND``, as above.
    """
    row = update_history(user_id, action_id, **columns)
    if row is None:
        raise _no_such_action()
    return row


@unit_of_work
def delete_action(user_id: UUID, action_id: UUID) -> None:
    """Delete an action softly; its id stays taken.

    Raises:
        NotFound: ``HISTORY_NOT_FOUND``, as above.
    """
    if not delete_history(user_id, action_id):
        raise _no_such_action()


def find_payload_flaw(payload: dict[str, Any]) -> FieldError | None:
    """Return what keeps a document from being stored as payload, or None."""
    if depth_of(payload) > MAX_PAYLOAD_DEPTH:
        message = f"A payload is nested at most {MAX_PAYLOAD_DEPTH} levels deep."
        return FieldError("payload", "TOO_DEEP", message)
    # As it will be stored: a large number is longer there than it may be sent.
    size = len(dump_words(payload) or dump(payload).encode())
    if size > MAX_PAYLOAD_BYTES:
        message = f"A payload has at most {MAX_PAYLOAD_BYTES} bytes of JSON; this has {size}."
        return FieldError("payload", "TOO_LARGE", message)
    return None


def is_same_json(left: Any, right: Any) -> bool:
    """Tell whether two documents mean the same: ``1`` is ``1.0``, and neither is ``true``.

    Databases may write a number in another way (1e2 as 100), so texts cannot be compared.
    """
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            is_same_json(value, right[key]) for key, value in left.items()
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(is_same_json, left, right))
    return bool(left == right)


def depth_of(document: Any) -> int:
    """Return how many levels of objects and arrays a document has."""
    if isinstance(document, dict):
        document = list(document.values())
    if not isinstance(document, list):
        return 0
    return 1 + max(map(depth_of, document), default=0)


def _no_such_action() -> NotFound:
    return NotFound("HISTORY_NOT_FOUND", "There is no such action.")
