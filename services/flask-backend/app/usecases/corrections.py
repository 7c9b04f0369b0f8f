"""What administrators do with the credits of others: give, take, and undo a spend.

Who is one is checked before.
"""

from datetime import datetime
from uuid import UUID

import uuid_utils.compat

from app import clock
from app.errors import Conflict, NotFound
from app.models import list_transactions_of, update_daily_credits
from app.usecases import ledger
from app.usecases.allowances import Owner, end_of_day
from app.usecases.ledger import Cause
from app.usecases.wallet import Change, Credits, Daily, read_credits, settle, too_few
from app.usecases.work import unit_of_work
from app.vocabulary import Bucket, TransactionType


@unit_of_work
def grant(owner: Owner, amount: int, *, reason: str) -> Change:
    """Give prepaid credits, or take those that can be spent if the amount is negative.

    Raises:
        NotFound: ``USER_NOT_FOUND``: a guest that was claimed just now.
        PaymentRequired: ``INSUFFICIENT_CREDITS``: there are fewer to take.
    """
    at = clock.now()
    found = _settle(owner, at)
    cause = Cause(TransactionType.GRANT, str(uuid_utils.compat.uuid7()), at, reason)
    if amount > 0:
        ids = ledger.credit_prepaid(owner.user_id, amount, cause)
        return Change(read_credits(owner), ids)
    taken = ledger.debit_prepaid(owner.user_id, -amount, cause)
    if taken is None:
        raise too_few(found, found.prepaid.available, -amount)
    return Change(read_credits(owner), [taken])


@unit_of_work
def refund_spend(owner: Owner, spend_id: UUID, *, reason: str) -> Change:
    """Give back what was spent, into the buckets it came from; what is owed is paid first.

    What came from the allowance of a day is lost with that day.

    Raises:
        NotFound: ``SPEND_NOT_FOUND``: this account has not made it. ``USER_NOT_FOUND``, as above.
        Conflict: ``ALREADY_REFUNDED``. ``REFUND_LAPSED``: nothing of it can be given back.
    """
    at = clock.now()
    found = _settle(owner, at)
    daily, prepaid = _refundable(owner.user_id, spend_id, found.daily)
    cause = Cause(TransactionType.REFUND, str(spend_id), at, reason)
    ids: list[UUID] = []
    if daily:
        available = found.daily.available + daily
        update_daily_credits(owner.user_id, available_credits=available)
        ids.append(ledger.append(owner.user_id, Bucket.DAILY, daily, available, cause))
    if prepaid:
        ids += ledger.credit_prepaid(owner.user_id, prepaid, cause)
    return Change(read_credits(owner), ids)


def _settle(owner: Owner, at: datetime) -> Credits:
    """Settle and lock the credits of an account, which must still be its own."""
    found = settle(owner, at)
    if ledger.holder_of(owner.user_id, at) != owner.user_id:
        raise NotFound("USER_NOT_FOUND", "There is no such user.")
    return found


def _refundable(user_id: UUID, spend_id: UUID, today: Daily) -> tuple[int, int]:
    """Return what can be given back to each bucket. The account is locked, so it stays so."""
    spent = list_transactions_of(user_id, TransactionType.SPEND, str(spend_id))
    if not spent:
        raise NotFound("SPEND_NOT_FOUND", "This account has made no such spend.")
    if list_transactions_of(user_id, TransactionType.REFUND, str(spend_id)):
        raise Conflict("ALREADY_REFUNDED", "This spend was refunded before.")
    amounts = {row["bucket"]: -row["amount"] for row in spent}
    is_of_this_day = end_of_day(spent[0]["created_at"]) == today.resets_at
    daily = amounts.get(Bucket.DAILY, 0) if is_of_this_day else 0
    prepaid = amounts.get(Bucket.PREPAID, 0)
    if not daily and not prepaid:
        raise Conflict("REFUND_LAPSED", "The day whose allowance was spent is over.")
    return daily, prepaid
