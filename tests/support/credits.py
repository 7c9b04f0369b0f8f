"""Credits for tests: how somebody comes to have some, and whether all books are right."""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from app import clock
from app.models import get_credit_account, release
from app.usecases import ledger
from app.usecases.books import Difference, check_books
from app.usecases.ledger import Cause
from app.usecases.work import unit_of_work
from app.vocabulary import TransactionType


@unit_of_work
def give(user_id: UUID, amount: int, *, at: datetime | None = None) -> None:
    """Add prepaid credits."""
    ledger.credit_prepaid(user_id, amount, _cause(TransactionType.GRANT, at))


@unit_of_work
def take(user_id: UUID, amount: int, *, at: datetime | None = None) -> bool:
    """Spend prepaid credits; tell whether there were enough."""
    return ledger.debit_prepaid(user_id, amount, _cause(TransactionType.SPEND, at)) is not None


@unit_of_work
def seize(user_id: UUID, amount: int) -> None:
    """Take credits back, as debt if they are not there."""
    ledger.seize_prepaid(user_id, amount, _cause(TransactionType.REVERSAL, None))


def prepaid(user_id: UUID) -> tuple[int, int, int]:
    """Return balance, held and debt."""
    account: dict[str, Any] = get_credit_account(user_id) or {}
    release()
    return account["credits_balance"], account["held"], account["debt"]


def differences() -> list[Difference]:
    """Return whatever is wrong in the books of anybody."""
    found = [one for account in check_books() for one in account.differences]
    release()
    return found


def _cause(kind: TransactionType, at: datetime | None) -> Cause:
    return Cause(kind, str(uuid4()), at or clock.now())
