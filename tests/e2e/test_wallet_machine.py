"""The wallet and its payments over HTTP, step by step beside a model that knows no code of theirs.

Requests and answers are lost, workers are killed, events come twice, late and out of order, and
days pass. After each step the service answers what the model says, and every balance is the sum of
its ledger. A longer search: scripts/bench/wallet_machine.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.fakes import Payment
from tests.support.wallet_model import Model
from tests.support.wallet_site import FAULTS, Person, Site, site_on

USERS = ("ada", "ben")
GUESTS = ("gil", "gus")
GIFTED = ("ada", "gil")
FULL_SIZE = "full"
NOBODY_WE_KNOW = "0198c0de-0000-7000-8000-00000000dead"

SCALED_DOWN = settings(
    max_examples=6,
    stateful_step_count=20,
    # The shortest story that goes wrong is looked for at full size only: it takes minutes.
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
FULL = settings(
    SCALED_DOWN,
    max_examples=200,
    stateful_step_count=50,
    phases=[Phase.generate, Phase.shrink],
)

anybody = st.sampled_from(USERS + GUESTS)
amounts = st.sampled_from([1, 3, 5, 7, 20, 26, 60])
faults = st.sampled_from([*[None] * 6, *FAULTS])
any_number = st.integers(0, 999)
some = st.booleans()
seconds = st.sampled_from([60, 900, 90_000])


@dataclass
class Told:
    """An event, whose credits it may change, and how the model hears of it."""

    event: dict[str, Any]
    intent: str
    hear: Callable[[], bool]
    was_taken: bool = False


class WalletMachine(RuleBasedStateMachine):
    """Does anything to a wallet that people, Stripe, time and misfortune do."""

    site: ClassVar[Site]

    def __init__(self) -> None:
        super().__init__()
        self.site.begin()
        self.model = Model(self.site.now)
        self.people: dict[str, Person] = {}
        self.spends: list[tuple[str, str]] = []
        self.holds: list[tuple[str, str]] = []
        self.events: list[Told] = []
        self.payments: list[Payment] = []
        self.refunded: Counter[str] = Counter()
        self.disputes: list[tuple[Payment, str, int]] = []

    @rule(how=st.sampled_from(["a minute", "an hour", "almost midnight", "midnight", "a day"]))
    def time_passes(self, how: str) -> None:
        midnight = self.model.now.replace(hour=0, minute=0, second=0, microsecond=0)
        midnight += timedelta(days=1)
        now = {
            "a minute": self.model.now + timedelta(seconds=60),
            "an hour": self.model.now + timedelta(hours=1),
            "almost midnight": midnight - timedelta(microseconds=1),
            "midnight": midnight,
            "a day": self.model.now + timedelta(days=1),
        }[how]
        self.site.step_to(now)
        self.model.now = now

    @rule(who=anybody)
    def look(self, who: str) -> None:
        if self.is_there(who):
            self.agree_on(who)

    @rule(who=anybody, amount=amounts, fault=faults)
    def spend(self, who: str, amount: int, fault: str | None) -> None:
        if not self.is_there(who):
            return
        before = self.model.credits(who)["daily"]["available"]
        expected = self.model.spend(who, amount)
        told = self.ask(who, "credits/spend", {"amount": amount}, expected, fault)
        if told:
            self.model.remember_spend(who, told["spend_id"], amount, before)
            self.spends.append((who, told["spend_id"]))
            assert len(told["transaction_ids"]) == (0 < before < amount) + 1
        self.agree_on(who)

    @precondition(lambda self: self.spends)
    @rule(which=any_number, who=anybody, is_theirs=some, fault=faults)
    def refund_a_spend(self, *, which: int, who: str, is_theirs: bool, fault: str | None) -> None:
        spender, spend_id = self.spends[which % len(self.spends)]
        who = spender if is_theirs else who
        if not self.is_there(who):
            return
        expected = self.model.refund_spend(who, spend_id)
        body = {"spend_id": spend_id, "reason": "It did not work."}
        self.administer(who, "credits/refunds", body, expected, fault)
        self.agree_on(who)

    @rule(who=anybody, amount=st.sampled_from([-40, -5, 4, 30, 90]), fault=faults)
    def grant(self, who: str, amount: int, fault: str | None) -> None:
        if not self.is_there(who):
            return
        expected = self.model.grant(who, amount)
        self.administer(who, "credits", {"amount": amount, "reason": "Sorry."}, expected, fault)
        self.agree_on(who)

    @rule(who=anybody, amount=amounts, seconds=seconds, fault=faults)
    def hold(self, who: str, amount: int, seconds: int, fault: str | None) -> None:
        if not self.is_there(who):
            return
        expected = self.model.hold(who, amount)
        body = {"amount": amount, "expires_in": seconds}
        told = self.ask(who, "credits/holds", body, expected, fault)
        if told:
            self.model.remember_hold(who, told["id"], amount, seconds)
            self.holds.append((who, told["id"]))
        self.agree_on(who)

    @precondition(lambda self: self.holds)
    @rule(which=any_number, who=anybody, is_theirs=some, part=some, fault=faults)
    def capture(
        self, *, which: int, who: str, is_theirs: bool, part: bool, fault: str | None
    ) -> None:
        owner, hold_id = self.holds[which % len(self.holds)]
        who = owner if is_theirs else who
        if not self.is_there(who):
            return
        amount = 1 + which % self.model.accounts[owner]["holds"][hold_id]["amount"]
        expected = self.model.capture(who, hold_id, amount if part else None)
        body = {"amount": amount} if part else {}
        told = self.ask(who, f"credits/holds/{hold_id}/capture", body, expected, fault)
        self.agree_on_hold(who, hold_id, told)
        self.agree_on(who)

    @precondition(lambda self: self.holds)
    @rule(which=any_number, fault=faults)
    def release(self, which: int, fault: str | None) -> None:
        who, hold_id = self.holds[which % len(self.holds)]
        if not self.is_there(who):
            return
        expected = self.model.release(who, hold_id)
        told = self.ask(who, f"credits/holds/{hold_id}/release", None, expected, fault)
        self.agree_on_hold(who, hold_id, told)
        self.agree_on(who)

    @rule(who=st.sampled_from(USERS), guest=st.sampled_from(GUESTS), fault=faults)
    def claim(self, who: str, guest: str, fault: str | None) -> None:
        self.is_there(who)
        if self.is_there(guest):
            token = self.site.renew(self.people[guest])
        elif self.people[guest].expires_at > self.site.now:
            token = self.people[guest].access_token
        else:
            return
        expected = self.model.claim(who, guest)
        self.ask(who, "credits/claim", {"guest_token": token}, expected, fault)
        self.agree_on(who)

    @rule(guest=st.sampled_from(GUESTS))
    def register(self, guest: str) -> None:
        if self.is_there(guest) and self.model.accounts[guest]["kind"] == "guest":
            self.people[guest] = self.site.register(self.people[guest])
            self.model.register(guest)
            self.agree_on(guest)

    @rule(
        who=st.sampled_from([*USERS, *USERS, *GUESTS, None]),
        bought=st.sampled_from([(7, 99), (10, 101), (100, 499)]),
        is_delayed=some,
        is_told=some,
        fault=faults,
    )
    def pay(
        self,
        *,
        who: str | None,
        bought: tuple[int, int],
        is_delayed: bool,
        is_told: bool,
        fault: str | None,
    ) -> None:
        if who is not None and not self.is_there(who):
            return
        user_id = self.people[who].id if who else NOBODY_WE_KNOW
        payment = Payment(user_id, credits=str(bought[0]), cents=bought[1])
        intent = payment.intent_id
        self.payments.append(payment)
        self.model.open_payment(intent, who, *bought)
        if is_delayed:
            self.events.append(Told(payment.unpaid(), intent, lambda: True))
        hear = partial(self.model.be_told_paid, intent)
        events = [payment.paid(), payment.arrived()]  # Of a session that is paid once.
        self.events.append(Told(events[not is_delayed], intent, hear))
        self.happen(Told(events[is_delayed], intent, hear), is_told, fault)

    @precondition(lambda self: self.payments)
    @rule(which=any_number, cents=st.sampled_from([1, 33, 100, 499]), is_told=some, fault=faults)
    def money_goes_back(self, *, which: int, cents: int, is_told: bool, fault: str | None) -> None:
        """Refund a part; Stripe tells of the refund, and what the charge has lost by now."""
        payment = self.payments[which % len(self.payments)]
        intent, so_far = payment.intent_id, self.refunded[payment.intent_id]
        part = min(cents, payment.cents - so_far)
        if not part:
            return
        self.refunded[intent] = so_far + part
        refund = payment.refund(part, name=f"{so_far}")
        hear = partial(self.model.be_told_of_refund, intent, f"{so_far}", part)
        self.events.append(Told(refund, intent, hear))
        hear = partial(self.model.be_told_refunded, intent, so_far + part)
        self.happen(Told(payment.refunded(so_far + part), intent, hear), is_told, fault)

    @precondition(lambda self: self.payments)
    @rule(which=any_number, cents=st.sampled_from([50, 499]), is_told=some, fault=faults)
    def somebody_disputes(
        self, *, which: int, cents: int, is_told: bool, fault: str | None
    ) -> None:
        payment = self.payments[which % len(self.payments)]
        name = f"{len(self.events)}"
        self.disputes.append((payment, name, min(cents, payment.cents)))
        self.dispute_is(self.disputes[-1], "created", "needs_response", is_told, fault)

    @precondition(lambda self: self.disputes)
    @rule(which=any_number, is_won=some, is_told=some, fault=faults)
    def dispute_ends(self, *, which: int, is_won: bool, is_told: bool, fault: str | None) -> None:
        ended = self.disputes.pop(which % len(self.disputes))
        self.dispute_is(ended, "closed", "won" if is_won else "lost", is_told, fault)

    @precondition(lambda self: self.events)
    @rule(which=any_number, copies=st.sampled_from([1, 1, 3]), fault=faults)
    def deliver(self, which: int, copies: int, fault: str | None) -> None:
        """Deliver any event there was, the first time or again."""
        self.bring(self.events[which % len(self.events)], copies, fault)

    def bring(self, told: Told, copies: int, fault: str | None) -> None:
        """Deliver an event, perhaps several times at once."""
        is_known = told.hear()
        with ThreadPoolExecutor(copies) as pool:
            sent = [pool.submit(self.site.deliver, told.event, fault) for _ in range(copies)]
        answers = Counter(answer.result() for answer in sent)
        assert answers.keys() <= ({"processed", "already_processed"} if is_known else {"unmatched"})
        assert answers["processed"] <= (not told.was_taken)
        told.was_taken |= is_known
        if (who := self.model.payer(told.intent)) is not None:
            self.agree_on(who)

    def is_there(self, who: str) -> bool:
        """Let somebody appear on first use, some with a gift; tell whether they can still ask."""
        if who not in self.people:
            kind = "user" if who in USERS else "guest"
            self.people[who] = self.site.join(kind)
            self.model.join(who, kind)
            if who in GIFTED:
                self.grant(who, 40, None)
        return self.model.accounts[who]["claimed_by"] is None

    def happen(self, told: Told, is_told: bool, fault: str | None) -> None:
        """Let something happen at Stripe, of which we hear now or later."""
        self.events.append(told)
        if is_told:
            self.bring(told, 1, fault)

    def dispute_is(
        self,
        subject: tuple[Payment, str, int],
        kind: str,
        status: str,
        is_told: bool,
        fault: str | None,
    ) -> None:
        payment, name, cents = subject
        event = payment.dispute(status, cents=cents, name=name, event=kind)
        hear = partial(self.model.be_told_of_dispute, payment.intent_id, name, cents, status)
        self.happen(Told(event, payment.intent_id, hear), is_told, fault)

    def ask(
        self,
        who: str,
        path: str,
        body: dict[str, Any] | None,
        expected: tuple[int, str | None],
        fault: str | None,
    ) -> dict[str, Any] | None:
        """Send as somebody; return the answer unless it is a refusal, which must be the expected.

        The token is renewed first, for renewing is another request.
        """
        token = self.site.renew(self.people[who])
        return self.judge(self.site.post(token, path, body, fault), expected, who)

    def administer(
        self,
        who: str,
        path: str,
        body: dict[str, Any],
        expected: tuple[int, str | None],
        fault: str | None,
    ) -> None:
        """Send as administrator, about somebody."""
        token = self.site.renew(self.site.admin)
        path = f"users/{self.people[who].id}/{path}"
        self.judge(self.site.post(token, path, body, fault), expected, who)

    def judge(
        self, answer: httpx.Response, expected: tuple[int, str | None], who: str
    ) -> dict[str, Any] | None:
        told: dict[str, Any] = answer.json()
        assert (answer.status_code, told.get("code")) == expected, told
        if answer.status_code >= 400:
            return None
        if "credits" in told:
            assert as_told(told["credits"]) == self.model.credits(who)
        return told

    def agree_on_hold(self, who: str, hold_id: str, told: dict[str, Any] | None) -> None:
        hold = self.model.accounts[who]["holds"].get(hold_id)
        if hold is None:
            return
        answers = [self.site.get(self.people[who], f"credits/holds/{hold_id}")]
        answers += [told["hold"]] if told else []
        for answer in answers:
            assert datetime.fromisoformat(answer["expires_at"]) == hold["expires_at"]
            for name in ("amount", "captured", "state"):
                assert answer[name] == hold[name]

    def agree_on(self, who: str) -> None:
        """Compare what is answered with the model, and what is stored with its ledger."""
        person = self.people[who]
        wallet = self.model.credits(who)
        assert as_told(self.site.get(person, "credits")) == wallet

        page = self.site.get(person, "credits/transactions", limit=200)
        sums = Counter[str]()
        for entry in page["items"]:
            sums[entry["bucket"]] += entry["amount"]
        balances = {
            "daily": wallet["daily"]["available"],
            "prepaid": wallet["prepaid"]["balance"],
            "debt": wallet["prepaid"]["debt"],
        }
        assert page["next_cursor"] is None
        assert {bucket: sums[bucket] for bucket in balances} == balances

        for row in self.site.stored([each.id for each in self.people.values()]):
            for bucket in balances:
                assert row[bucket] == row[f"ledger_{bucket}"], row
            assert row["held"] == row["open_holds"], row


def as_told(wallet: dict[str, Any]) -> dict[str, Any]:
    """Read the time in an answer."""
    daily = wallet["daily"]
    resets_at = datetime.fromisoformat(daily["resets_at"])
    return wallet | {"daily": daily | {"resets_at": resets_at}}


@pytest.fixture
def site(database_url: str, tmp_path: Path) -> Iterator[Site]:
    with site_on(database_url, tmp_path) as site:
        yield site


def debts_are_paid_first(told: WalletMachine) -> None:
    told.pay(who="ada", bought=(100, 499), is_delayed=True, is_told=True, fault="answer lost")
    told.hold("ada", 60, 900, "answer lost")
    told.spend("ada", 60, "answer lost")
    told.money_goes_back(which=0, cents=499, is_told=True, fault="answer lost")
    told.spend("ada", 1, None)
    told.capture(which=19, who="ada", is_theirs=True, part=True, fault="answer lost")
    told.grant("ada", 4, "answer lost")
    told.pay(who="ada", bought=(100, 499), is_delayed=False, is_told=True, fault="worker killed")
    told.somebody_disputes(which=1, cents=499, is_told=True, fault="answer lost")
    told.hold("ada", 5, 60, None)
    told.dispute_ends(which=0, is_won=True, is_told=True, fault="answer lost")


def order_and_number_of_events_do_not_matter(told: WalletMachine) -> None:
    told.pay(who="ben", bought=(100, 499), is_delayed=True, is_told=False, fault=None)
    told.money_goes_back(which=0, cents=33, is_told=False, fault=None)
    told.money_goes_back(which=0, cents=100, is_told=True, fault="worker killed")
    told.somebody_disputes(which=0, cents=50, is_told=False, fault=None)
    told.dispute_ends(which=0, is_won=True, is_told=True, fault=None)
    told.deliver(0, 1, None)
    told.deliver(2, 3, None)
    told.spend("ben", 60, None)
    for number in (4, 3, 5, 6, 7, 2, 1, 0):
        told.deliver(number, 3, "answer lost" if number else None)
    told.money_goes_back(which=0, cents=499, is_told=True, fault=None)
    told.deliver(4, 1, None)


def days_and_holds_end(told: WalletMachine) -> None:
    told.hold("gil", 20, 60, None)
    told.hold("gil", 20, 90_000, None)
    told.spend("gil", 7, None)
    told.time_passes("a minute")
    told.spend("gil", 3, "answer lost")
    told.capture(which=0, who="gil", is_theirs=True, part=False, fault=None)
    told.refund_a_spend(which=0, who="gil", is_theirs=True, fault="answer lost")
    told.time_passes("almost midnight")
    told.spend("gil", 3, None)
    told.time_passes("midnight")
    told.spend("gil", 3, "worker killed later")
    told.refund_a_spend(which=1, who="gil", is_theirs=True, fault=None)
    told.refund_a_spend(which=0, who="gil", is_theirs=True, fault=None)
    told.register("gil")
    told.capture(which=5, who="ada", is_theirs=False, part=True, fault=None)
    told.time_passes("a day")
    told.release(1, None)


def guests_are_claimed_once(told: WalletMachine) -> None:
    told.pay(who="gil", bought=(10, 101), is_delayed=False, is_told=True, fault=None)
    told.pay(who="gil", bought=(7, 99), is_delayed=False, is_told=False, fault=None)
    told.hold("gil", 20, 60, None)
    told.claim("ada", "gil", None)
    told.release(0, None)
    told.claim("ada", "gil", "answer lost")
    told.claim("ada", "gil", None)
    told.claim("ben", "gil", "answer lost")
    told.deliver(3, 3, None)
    told.deliver(2, 1, None)
    told.money_goes_back(which=0, cents=499, is_told=True, fault="answer lost")


STORIES = (
    debts_are_paid_first,
    order_and_number_of_events_do_not_matter,
    days_and_holds_end,
    guests_are_claimed_once,
)


@pytest.mark.slow
def test_wallet_over_http_never_diverges_from_its_model(site: Site) -> None:
    machine = type("WalletMachine", (WalletMachine,), {"site": site})
    is_full = settings.get_current_profile_name() == FULL_SIZE

    for story in STORIES:
        story(machine())
    run_state_machine_as_test(machine, settings=FULL if is_full else SCALED_DOWN)
