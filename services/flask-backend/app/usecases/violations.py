"""What the product says when a constraint of the schema forbids a row: the one table of names.

A rule that only one statement can keep (two sign-ups with one e-mail at once) is the schema's, and
its refusal is told here. Engines differ in what they name: SQLite names no foreign key, MariaDB no
table.
"""

from typing import Final

import structlog

from app.errors import AppError, Conflict, Unauthorized
from bilayer.runtime.errors import ConstraintViolation, ForeignKeyViolation

log = structlog.get_logger(__name__)

_REFUSALS: Final[dict[str, tuple[type[AppError], str, str]]] = {
    "uq_users_email_key": (Conflict, "EMAIL_TAKEN", "An account has this e-mail."),
}
_OWNER: Final = "_user_id_users"
"""How the name of every foreign key to the owner of a row ends. They cascade: none keeps a user."""


def refusal_of(violation: ConstraintViolation) -> AppError:
    """Return what to tell whoever asked for a row that a constraint forbids."""
    name = violation.constraint
    if name in _REFUSALS:
        kind, code, message = _REFUSALS[name]
        return kind(code, message)
    if isinstance(violation, ForeignKeyViolation) and (name is None or name.endswith(_OWNER)):
        return Unauthorized("TOKEN_INVALID", "The account of this token is gone. Sign in again.")
    log.warning(
        "constraint_violation",
        kind=type(violation).__name__,
        constraint=name,
        table=violation.table,
        column=violation.column,
    )
    return Conflict("CONFLICT", "The request contradicts what is stored.")
