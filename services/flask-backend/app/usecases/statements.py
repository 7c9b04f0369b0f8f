"""What stands in the books of one account, for an operator who looks at it. Writes nothing."""

from dataclasses import dataclass
from uuid import UUID

from app.errors import NotFound
from app.models import (
    Row,
    get_deleted_user,
    get_user,
    get_user_by_email,
    get_wallet,
    list_credit_transactions,
    list_holds,
    transaction,
)
from app.vocabulary import HoldState


@dataclass(frozen=True, slots=True)
class Statement:
    """The books of an account, of one moment, as they are stored: nothing due has been done.

    Attributes:
        wallet: The columns of both balances; None where there is no row.
        holds: What is set aside, of the newest holds.
        transactions: The newest rows of the ledger.
    """

    wallet: Row
    holds: list[Row]
    transactions: list[Row]


def require_account(name: str) -> Row:
    """Return an account by its e-mail or, deleted or not, by its id.

    Raises:
        NotFound: ``USER_NOT_FOUND``.
    """
    try:
        user_id = UUID(name)
    except ValueError:
        user = get_user_by_email(name)
    else:
        user = get_user(user_id) or get_deleted_user(user_id)
    if user is None:
        raise NotFound("USER_NOT_FOUND", f"There is no account {name}.")
    return user


def read_statement(user_id: UUID, *, limit: int) -> Statement:
    """Return what stands in the books of an account.

    Args:
        user_id: Whose.
        limit: How many holds and rows of the ledger to look at.
    """
    with transaction("REPEATABLE READ", readonly=True):
        holds = list_holds(user_id, limit=limit)
        return Statement(
            get_wallet(user_id) or {},
            [hold for hold in holds if hold["state"] == HoldState.OPEN],
            list_credit_transactions(user_id, limit=limit),
        )
