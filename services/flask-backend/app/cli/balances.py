"""What the books say: facts for programs, sentences for people. Reads nothing."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

if TYPE_CHECKING:
    from app.usecases.books import Difference
    from app.usecases.statements import Statement

_COMPUTED: Final = {
    "credit_accounts.held": "the open holds add up to",
    "credit_transactions.amount": "the archive behind the opening balance adds up to",
    "credit_transactions.balance_after": "the rows before lead to",
}
_FROM_LEDGER: Final = "the ledger adds up to"


def difference_facts(difference: "Difference") -> dict[str, Any]:
    """Return two places of the books that should say the same, for programs."""
    facts: dict[str, Any] = plain(
        {
            "user_id": difference.user_id,
            "bucket": str(difference.bucket),
            "column": difference.column,
            "transaction_id": difference.transaction_id,
            "recorded": difference.recorded,
            "computed": difference.computed,
            "difference": difference.recorded - difference.computed,
        }
    )
    return facts


def difference_sentence(difference: "Difference") -> str:
    """Return the same for people."""
    row = f" of {difference.transaction_id}" if difference.transaction_id else ""
    return (
        f"{difference.user_id}, {difference.bucket}: {difference.column}{row} is"
        f" {difference.recorded}, {_COMPUTED.get(difference.column, _FROM_LEDGER)}"
        f" {difference.computed}: {difference.recorded - difference.computed:+}"
    )


def statement_facts(account: dict[str, Any], statement: "Statement") -> dict[str, Any]:
    """Return what stands in the books of an account, for programs."""
    facts: dict[str, Any] = plain(
        {
            "user": {name: account[name] for name in ("id", "email", "user_type", "is_deleted")},
            **_balances(statement),
            "holds": statement.holds,
            "transactions": statement.transactions,
        }
    )
    return facts


def statement_sentences(account: dict[str, Any], statement: "Statement") -> str:
    """Return the same for people."""
    lines = [f"{account['id']} {account['email'] or account['user_type']}"]
    for name, columns in _balances(statement).items():
        listed = ", ".join(f"{column} {value}" for column, value in columns.items())
        lines.append(f"{name}: {listed}")
    lines += [f"held: {hold['amount']} until {hold['expires_at']}" for hold in statement.holds]
    for row in statement.transactions:
        change = f"{row['bucket']:7} {row['amount']:+9} = {row['balance_after']:8}"
        why = f"{row['transaction_type']} {_visible(row['reason'] or '')}".rstrip()
        lines.append(f"{row['created_at']} {change} {why}")
    return "\n".join(lines)


def _visible(text: str) -> str:
    """Return a text without what moves a cursor or paints: anybody may have written it."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def plain(value: Any) -> Any:
    """Turn ids and times into text, as JSON has neither."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _balances(statement: "Statement") -> dict[str, dict[str, Any]]:
    wallet = statement.wallet.get
    return {
        "daily": {
            "available": wallet("available_credits"),
            "max": wallet("max_credits"),
            "last_reset_at": wallet("last_reset_timestamp"),
        },
        "prepaid": {
            "balance": wallet("credits_balance"),
            "held": wallet("held"),
            "debt": wallet("debt"),
        },
    }
