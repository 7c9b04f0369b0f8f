"""Whether the books are right: every balance computed again from the ledger, the archive and holds.

Reads only, and each account in one snapshot, so it may run beside everything else.

The rows of a bucket are a chain: each begins where another has ended. Two transactions that met
may have told the time before the other had its turn, so the chain is followed by balances: as many
rows end at a balance as begin there, and every row can be reached from nothing. The order of time
serves to name a row that is wrong.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from app.keyset import Position
from app.models import (
    Row,
    get_wallet,
    list_ledger,
    list_wallet_owners,
    sum_archive,
    sum_open_holds,
    transaction,
)
from app.vocabulary import NOBODY, Bucket, TransactionType

_BATCH: Final = 500
_OWNERS_AT_ONCE: Final = 100
_NAMED: Final = 10
"""How many rows of a bucket are named at most."""

_BALANCES: Final = {
    Bucket.DAILY: ("user_credits", "available_credits"),
    Bucket.PREPAID: ("credit_accounts", "credits_balance"),
    Bucket.DEBT: ("credit_accounts", "debt"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Two places of the books that should say the same.

    Attributes:
        user_id: Whose books.
        bucket: Of which credits.
        column: What says ``recorded``: a table and its column.
        recorded: What stands there.
        computed: What the other places add up to.
        transaction_id: The row of the ledger, if it is one.
    """

    user_id: UUID
    bucket: Bucket
    column: str
    recorded: int
    computed: int
    transaction_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CheckedAccount:
    """An account whose books were looked at.

    Attributes:
        user_id: Which one.
        transactions: How many rows its ledger has.
        differences: What is wrong; nothing, most of the time.
    """

    user_id: UUID
    transactions: int
    differences: tuple[Difference, ...]


@dataclass(slots=True)
class Chain:
    """The rows of one bucket, added one after the other, by time.

    Attributes:
        total: What they add up to.
        opening: What of it stands for archived rows.
        count: How many they are.
        breaks: The first rows that do not begin where the one before has ended, with where that is.
    """

    total: int = 0
    opening: int = 0
    count: int = 0
    breaks: list[tuple[Row, int]] = field(default_factory=list)
    _loose: Counter[int] = field(default_factory=Counter)
    _nearer: dict[int, int] = field(default_factory=lambda: {0: 0})
    """For each balance another one of its part of the chain; one of them leads to itself."""
    _parts: int = 1
    _last: int = 0

    def add(self, row: Row) -> None:
        """Add the next row."""
        begin, end = row["balance_after"] - row["amount"], row["balance_after"]
        if begin != self._last and len(self.breaks) < _NAMED:
            self.breaks.append((row, self._last))
        self._count_end(begin, 1)
        self._count_end(end, -1)
        self._join(begin, end)
        self._last = end
        self.total += row["amount"]
        self.count += 1
        if row["transaction_type"] == TransactionType.OPENING_BALANCE:
            self.opening += row["amount"]

    @property
    def is_whole(self) -> bool:
        """Tell whether the rows lead from nothing to their total, in whatever order."""
        expected = Counter({0: 1})
        expected[self.total] -= 1
        return self._parts == 1 and self._loose == expected

    def _count_end(self, balance: int, by: int) -> None:
        self._loose[balance] += by
        if not self._loose[balance]:
            del self._loose[balance]

    def _join(self, begin: int, end: int) -> None:
        one, other = self._part_of(begin), self._part_of(end)
        self._nearer[one] = other
        self._parts -= one != other

    def _part_of(self, balance: int) -> int:
        if balance not in self._nearer:
            self._nearer[balance] = balance
            self._parts += 1
        while (nearer := self._nearer[balance]) != balance:
            self._nearer[balance] = self._nearer[nearer]
            balance = nearer
        return balance


def wallet_owners() -> Iterator[UUID]:
    """Yield every account that has books, by id."""
    after = NOBODY
    while owners := list_wallet_owners(after=after, limit=_OWNERS_AT_ONCE):
        yield from owners
        after = owners[-1]


def check_books() -> Iterator[CheckedAccount]:
    """Check every account, one after the other."""
    yield from map(check_account, wallet_owners())


def check_account(user_id: UUID) -> CheckedAccount:
    """Compare the balances of an account with its ledger, its archive and its holds."""
    with transaction("REPEATABLE READ", readonly=True):
        wallet = get_wallet(user_id) or {}
        chains = _read_chains(user_id)
        archived = sum_archive(user_id)
        held = sum_open_holds(user_id)
    found: list[Difference] = []

    def compare(bucket: Bucket, column: str, recorded: int, computed: int) -> None:
        if recorded != computed:
            found.append(Difference(user_id, bucket, column, recorded, computed))

    for bucket, chain in chains.items():
        table, column = _BALANCES[bucket]
        compare(bucket, f"{table}.{column}", wallet.get(column) or 0, chain.total)
        compare(bucket, "credit_transactions.amount", chain.opening, archived.get(bucket, 0))
        found += _broken_rows(user_id, bucket, chain)
    compare(Bucket.PREPAID, "credit_accounts.held", wallet.get("held") or 0, held)
    count = sum(chain.count for chain in chains.values())
    return CheckedAccount(user_id, count, tuple(found))


def _broken_rows(user_id: UUID, bucket: Bucket, chain: Chain) -> Iterator[Difference]:
    if chain.is_whole:
        return
    for row, last in chain.breaks:
        yield Difference(
            user_id,
            bucket,
            "credit_transactions.balance_after",
            recorded=row["balance_after"],
            computed=last + row["amount"],
            transaction_id=row["id"],
        )


def _read_chains(user_id: UUID) -> dict[Bucket, Chain]:
    chains = {bucket: Chain() for bucket in Bucket}
    after = None
    while rows := list_ledger(user_id, after=after, limit=_BATCH):
        for row in rows:
            chains[Bucket(row["bucket"])].add(row)
        after = Position(rows[-1]["created_at"], rows[-1]["id"])
    return chains
