"""The order of the steps: push, pull, and everything anew when the service asks for it.

Each step stores what it got before the next one begins. It may be ended after any of them, by an
exception or by force: the next sync repeats at most what the service answers in the same way again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from offline_store import queue, rows
from offline_store.database import LocalDatabase
from offline_store.errors import Forbidden, FullResyncRequired, MutationsRefused, WrongAccount
from offline_store.model import JSON, Agreement, Mutation, Report, Result
from offline_store.protocol import fetch_account, fetch_checksums, fitting, pull, push
from offline_store.transport import Transport

_ATTEMPTS: Final = 3
"""How often a sync begins anew, or a comparison is tried, while others keep writing."""


@dataclass(frozen=True, slots=True)
class Sync:
    """One sync of one store.

    Attributes:
        database: The store.
        transport: The way to the service.
        client: What each push says of this device.
        query: What each pull asks for.
        report: What was done.
    """

    database: LocalDatabase
    transport: Transport
    client: JSON
    query: Mapping[str, str]
    report: Report

    def run(self) -> None:
        """Send what is queued, then fetch what is new; all of it anew if the service says so."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._confirm_account()
                # Versions of another epoch mean nothing; what they are now comes first.
                if rows.get_place(self.database).is_resyncing:
                    self.pull_all()
                self._push_if_allowed()
                self.pull_all()
            except FullResyncRequired as refusal:
                if attempt == _ATTEMPTS:
                    raise
                self.begin_anew(refusal.reason)
            else:
                return

    def _confirm_account(self) -> None:
        """See whose token this is, where no cursor does: each is of one account.

        Raises:
            WrongAccount: It is not theirs whose store this is.
        """
        if rows.get_place(self.database).cursor is not None:
            return
        if not rows.belongs_to(self.database, fetch_account(self.transport)):
            raise WrongAccount("The store has another account's rows; open another file.")

    def push_all(self) -> None:
        """Send what is queued until nothing is left."""
        while mutations := fitting(queue.list_queued(self.database)):
            before = rows.get_place(self.database).generation
            results = self._push(mutations)
            with self.database.transaction():
                if rows.get_place(self.database).generation != before:
                    return  # Another process begins anew: of what was, or of what is now?
                queue.settle(self.database, results)
            self.report.pushed += len(results)
            self.report.refused += sum(not result.is_stored for result in results)

    def _push_if_allowed(self) -> None:
        """Send what is queued; who may not write at present, may still read."""
        try:
            self.push_all()
        except Forbidden:
            self.pull_all()
            raise

    def pull_all(self) -> None:
        """Fetch page after page until nothing is left."""
        while self._pull_page():
            pass

    def begin_anew(self, reason: str) -> None:
        """Let the next pull fetch everything."""
        rows.begin_resync(self.database, reason)
        self.report.resynced = True

    def compare(self) -> bool | None:
        """Tell whether the store holds what the service holds; None if either is ahead."""
        there = fetch_checksums(self.transport, self.query_of_tables())
        with self.database.transaction():
            if there.cursor != rows.get_place(self.database).cursor:
                return None
            names = {*there.tables, *rows.list_tables(self.database)}
            here = {name: rows.checksum(self.database, name) for name in names}
        return here == {name: there.tables.get(name) for name in names}

    def query_of_tables(self) -> Mapping[str, str]:
        """Return the part of the query that says which tables."""
        return {name: value for name, value in self.query.items() if name == "tables"}

    def _pull_page(self) -> bool:
        """Fetch and store a page; tell whether there is another."""
        place = rows.get_place(self.database)
        confirmed = queue.list_confirmed(self.database)
        cursor = {} if place.cursor is None else {"cursor": place.cursor}
        page = pull(self.transport, {**self.query, **cursor}, place.etag)
        if page is None:
            queue.forget(self.database, confirmed)
            return False
        if not rows.apply(self.database, page, place, confirmed):
            return True  # Another process was faster; go on from where it stands.
        self.report.pulled += len(page.upserted) + len(page.deleted)
        return page.has_more

    def _push(self, mutations: Sequence[Mutation]) -> list[Result]:
        """Send mutations together, or in halves if one of them makes the whole unreadable."""
        cursor = rows.get_place(self.database).cursor
        envelope = self.client if cursor is None else {**self.client, "cursor": cursor}
        try:
            return push(self.transport, envelope, mutations)
        except MutationsRefused as refusal:
            if len(mutations) == 1:
                if not refusal.code:  # A proxy has said so: no verdict of the service.
                    raise
                return [_rejection(mutations[0], refusal)]
        middle = len(mutations) // 2
        return self._push(mutations[:middle]) + self._push(mutations[middle:])


def verify(sync: Sync) -> Agreement:
    """Compare the store with the service, and mend it by fetching everything if they differ."""
    found = Agreement.AGREES
    for _ in range(_ATTEMPTS):
        sync.run()
        agrees = sync.compare()
        if agrees:
            return found
        if agrees is False:
            sync.begin_anew("checksum")
            found = Agreement.HEALED
    return Agreement.UNDECIDED


def _rejection(mutation: Mutation, refusal: MutationsRefused) -> Result:
    """Say of a mutation that the service could not even read what it says of the others."""
    return Result(mutation.mutation_id, "rejected", code=refusal.code, reason=str(refusal))
