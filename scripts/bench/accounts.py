"""Accounts for a bench: many at once, signed in, with credits; and whether their books are right.

Written with the schema layer, because nothing of this is what is measured.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
import uuid_utils.compat

from app.db.models import metadata
from app.usecases.tokens import Token, make_token

_AT_ONCE = 1000
_TABLES = ("users", "sessions", "user_credits", "credit_accounts", "credit_transactions")
_DIFFERENCES = """
    SELECT count(*) FROM credit_accounts a JOIN user_credits d ON d.user_id = a.user_id
    WHERE a.credits_balance <> (SELECT coalesce(sum(amount), 0) FROM credit_transactions t
                                WHERE t.user_id = a.user_id AND t.bucket = 'prepaid')
       OR d.available_credits <> (SELECT coalesce(sum(amount), 0) FROM credit_transactions t
                                  WHERE t.user_id = a.user_id AND t.bucket = 'daily')
"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in.

    Attributes:
        token: Their access token.
    """

    token: Token

    @property
    def user_id(self) -> uuid.UUID:
        """Their account."""
        return self.token.user_id


@dataclass(frozen=True, slots=True)
class Credits:
    """What an account begins with."""

    daily: int
    prepaid: int


@dataclass(frozen=True, slots=True)
class Books:
    """What the ledger says after a bench.

    Attributes:
        spends: How many spends it has.
        differences: How many accounts have other balances than their rows add up to.
    """

    spends: int
    differences: int


def make_people(url: str, count: int, wealth: Credits) -> list[Person]:
    """Store accounts with so many credits each, and the ledger that explains them."""
    now = datetime.now(UTC)
    people = [_make_person() for _ in range(count)]
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    for start in range(0, count, _AT_ONCE):
        some = people[start : start + _AT_ONCE]
        with engine.begin() as connection:
            for name in _TABLES:
                rows = [row for person in some for row in _rows(name, person, now, wealth)]
                connection.execute(sa.insert(metadata.tables[name]), rows)
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
    return people


def write_targets(path: Path, targets: Iterable[tuple[str, str]]) -> Path:
    """Write what wrk asks for: tokens and paths."""
    path.write_text("".join(f"{token} {target}\n" for token, target in targets))
    return path


def read_books(url: str) -> Books:
    """Count the spends, and the accounts whose balances are not the sums of their rows."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    spends = (
        "SELECT count(DISTINCT reference) FROM credit_transactions WHERE transaction_type = 'spend'"
    )
    with engine.connect() as connection:
        return Books(
            spends=connection.exec_driver_sql(spends).scalar_one(),
            differences=connection.exec_driver_sql(_DIFFERENCES).scalar_one(),
        )


def _make_person() -> Person:
    return Person(make_token(uuid_utils.compat.uuid7()))


def _rows(table: str, person: Person, now: datetime, wealth: Credits) -> list[dict[str, object]]:
    """Return the rows of a person in a table."""
    user_id, digest, later = person.user_id, person.token.digest, now + timedelta(days=1)
    email = f"{user_id}@example.com"
    return {
        "users": [{"id": user_id, "email": email, "email_key": email, "password_hash": "none"}],
        "sessions": [
            {
                "user_id": user_id,
                "id": uuid_utils.compat.uuid7(),
                "family_id": uuid.uuid4(),
                "token_hash": digest,
                "refresh_hash": digest,
                "created_at": now,
                "last_used_at": now,
                "expires_at": later,
                "refresh_expires_at": later,
            }
        ],
        "user_credits": [
            {
                "user_id": user_id,
                "is_guest": False,
                "available_credits": wealth.daily,
                "max_credits": 20,
                "last_reset_timestamp": now,
            }
        ],
        "credit_accounts": [{"user_id": user_id, "credits_balance": wealth.prepaid}],
        "credit_transactions": [
            {
                "user_id": user_id,
                "id": uuid_utils.compat.uuid7(),
                "bucket": bucket,
                "transaction_type": kind,
                "amount": amount,
                "balance_after": amount,
                "reference": "bench",
                "created_at": now,
            }
            for bucket, kind, amount in (
                ("daily", "daily_reset", wealth.daily),
                ("prepaid", "grant", wealth.prepaid),
            )
            if amount
        ],
    }[table]
