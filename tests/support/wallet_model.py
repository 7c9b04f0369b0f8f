"""What the wallet and its payments should hold, as plain dicts, and what each request answers.

Knows nothing of rows, of HTTP and of the service's code. What prepaid credits are worth is one
number, ``net``: what came in less what went out. What is there and what is owed follow from it and
from what is set aside, because whatever becomes available pays what is owed first.
"""

from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

Account = dict[str, Any]
Payment = dict[str, Any]

ALLOWANCES: Final = {"guest": 5, "user": 20}
OK: Final = (200, None)
TOO_LITTLE: Final = (402, "INSUFFICIENT_CREDITS")
_FINAL: Final = ("won", "lost")


class Model:
    """Everybody's credits at one moment.

    Methods that ask something of it return the status and the code of the answer.

    Attributes:
        now: What time it is.
        accounts: By name.
        payments: By the id of their payment intent.
    """

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.accounts: dict[str, Account] = {}
        self.payments: dict[str, Payment] = {}

    def join(self, who: str, kind: str) -> None:
        """Let a guest or a user appear."""
        self.accounts[who] = {
            "kind": kind, "daily": 0, "max": 0, "day": None, "net": 0,
            "holds": {}, "spends": {}, "claimed_by": None,
        }  # fmt: skip

    def register(self, who: str) -> None:
        """Let a guest become a user."""
        self.accounts[who]["kind"] = "user"

    def settle(self, who: str) -> Account:
        """Do what time has made due for an account, and return it."""
        account = self.accounts[who]
        most = ALLOWANCES[account["kind"]]
        if account["day"] != self.now.date():
            account["daily"] = most
        elif most > account["max"]:
            account["daily"] += most - account["max"]
        account |= {"day": self.now.date(), "max": most}
        for hold in account["holds"].values():
            if hold["state"] == "open" and hold["expires_at"] <= self.now:
                hold["state"] = "expired"
        return account

    def credits(self, who: str) -> dict[str, Any]:
        """Return what ``GET credits`` answers."""
        account = self.settle(who)
        midnight = datetime.combine(self.now.date() + timedelta(days=1), time(), UTC)
        held, net = _held(account), account["net"]
        balance = max(net, held)
        return {
            "daily": {
                "available": account["daily"], "max": account["max"], "resets_at": midnight,
            },
            "prepaid": {"balance": balance, "held": held, "debt": balance - net},
            "total": account["daily"] + balance - held,
        }  # fmt: skip

    def spend(self, who: str, amount: int) -> tuple[int, str | None]:
        """Spend, of the day's first."""
        account = self.settle(who)
        daily = min(amount, account["daily"])
        if amount - daily > _available(account):
            return TOO_LITTLE
        account["daily"] -= daily
        account["net"] -= amount - daily
        return OK

    def remember_spend(self, who: str, spend_id: str, amount: int, daily_before: int) -> None:
        """Note the name that a spend was given."""
        daily = min(amount, daily_before)
        self.accounts[who]["spends"][spend_id] = {
            "daily": daily, "prepaid": amount - daily, "day": self.now.date(), "is_refunded": False,
        }  # fmt: skip

    def refund_spend(self, who: str, spend_id: str) -> tuple[int, str | None]:
        """Give back what a spend took: prepaid credits always, those of a day on that day."""
        account = self.settle(who)
        spend = account["spends"].get(spend_id)
        if spend is None:
            return 404, "SPEND_NOT_FOUND"
        if spend["is_refunded"]:
            return 409, "ALREADY_REFUNDED"
        daily = spend["daily"] if spend["day"] == self.now.date() else 0
        if not daily + spend["prepaid"]:
            return 409, "REFUND_LAPSED"
        spend["is_refunded"] = True
        account["daily"] += daily
        account["net"] += spend["prepaid"]
        return OK

    def grant(self, who: str, amount: int) -> tuple[int, str | None]:
        """Give prepaid credits, or take some of those that are available."""
        account = self.settle(who)
        if -amount > _available(account):
            return TOO_LITTLE
        account["net"] += amount
        return OK

    def hold(self, who: str, amount: int) -> tuple[int, str | None]:
        """Set prepaid credits aside; ``remember_hold`` follows."""
        return TOO_LITTLE if amount > _available(self.settle(who)) else (201, None)

    def remember_hold(self, who: str, hold_id: str, amount: int, seconds: int) -> None:
        """Note the name that credits set aside were given."""
        expires_at = self.now + timedelta(seconds=seconds)
        self.accounts[who]["holds"][hold_id] = {
            "amount": amount, "captured": 0, "state": "open", "expires_at": expires_at,
        }  # fmt: skip

    def capture(self, who: str, hold_id: str, amount: int | None) -> tuple[int, str | None]:
        """Spend of what was set aside, all of it if no amount is named; the rest is free again."""
        account = self.settle(who)
        return self._end(account, hold_id, "captured", amount)

    def release(self, who: str, hold_id: str) -> tuple[int, str | None]:
        """Set free what was set aside."""
        return self._end(self.settle(who), hold_id, "released", 0)

    def claim(self, who: str, guest: str) -> tuple[int, str | None]:
        """Move a guest's prepaid credits to an account that exists."""
        if self.accounts[guest]["kind"] != "guest":
            return 422, "NOT_A_GUEST"
        if self.accounts[guest]["claimed_by"] is not None:
            return OK if self.accounts[guest]["claimed_by"] == who else (409, "GUEST_CLAIMED")
        account, source = self.settle(who), self.settle(guest)
        if _held(source):
            return 409, "GUEST_HAS_HOLDS"
        account["net"] += source["net"]
        source |= {"net": 0, "claimed_by": who}
        return OK

    def open_payment(self, intent: str, who: str | None, bought: int, cents: int) -> None:
        """Let somebody, or nobody we know, begin to pay."""
        self.payments[intent] = {
            "who": who, "credits": bought, "cents": cents, "is_paid": False,
            "refunded": 0, "refunds": {}, "disputes": {}, "reversed": 0,
        }  # fmt: skip

    def be_told_paid(self, intent: str) -> bool:
        """Hear that a payment has arrived; tell whether we know whose it is."""
        payment = self.payments[intent]
        if payment["who"] is None:
            return False
        if not payment["is_paid"]:
            payment["is_paid"] = True
            self._pay(payment, payment["credits"])
        self._take_back(payment)
        return True

    def be_told_refunded(self, intent: str, cents: int) -> bool:
        """Hear how much of a payment has gone back so far; tell whether we know of it."""
        payment = self.payments[intent]
        payment["refunded"] = max(payment["refunded"], cents)
        return self._take_back(payment)

    def be_told_of_refund(self, intent: str, refund: str, cents: int) -> bool:
        """Hear of one refund; tell whether we know of the payment."""
        payment = self.payments[intent]
        payment["refunds"][refund] = cents
        return self._take_back(payment)

    def be_told_of_dispute(self, intent: str, dispute: str, cents: int, status: str) -> bool:
        """Hear of a dispute; what ended it is final. Tell whether we know of the payment."""
        payment = self.payments[intent]
        known = payment["disputes"].get(dispute)
        if known is None or known[1] not in _FINAL:
            payment["disputes"][dispute] = (cents, status)
        return self._take_back(payment)

    def payer(self, intent: str) -> str | None:
        """Return whose credits a payment changes now."""
        who: str | None = self.payments[intent]["who"]
        return who and self._holder(who)

    def _holder(self, who: str) -> str:
        claimed_by: str | None = self.accounts[who]["claimed_by"]
        return claimed_by or who

    def _end(
        self, account: Account, hold_id: str, state: str, amount: int | None
    ) -> tuple[int, str | None]:
        hold = account["holds"].get(hold_id)
        if hold is None:
            return 404, "HOLD_NOT_FOUND"
        if hold["state"] != "open":
            return 409, f"HOLD_{hold['state'].upper()}"
        captured = hold["amount"] if amount is None else amount
        hold |= {"state": state, "captured": captured}
        account["net"] -= captured
        return OK

    def _take_back(self, payment: Payment) -> bool:
        """Let as much of what was bought be gone as of what was paid."""
        if not payment["is_paid"]:
            return False
        disputed = sum(cents for cents, status in payment["disputes"].values() if status != "won")
        refunded = max(payment["refunded"], sum(payment["refunds"].values()))
        gone = min(payment["cents"], refunded + disputed)
        due = payment["credits"] * gone // payment["cents"]
        self._pay(payment, payment["reversed"] - due)
        payment["reversed"] = due
        return True

    def _pay(self, payment: Payment, amount: int) -> None:
        self.accounts[self._holder(payment["who"])]["net"] += amount


def _held(account: Account) -> int:
    return sum(h["amount"] for h in account["holds"].values() if h["state"] == "open")


def _available(account: Account) -> int:
    available: int = account["net"] - _held(account)
    return max(0, available)
