"""Where the data of a person is: what of it they are given, and what is left when they are erased.

Every table is declared here, and of those that keep rows every column; a test compares with the
schema. A table that comes is not forgotten, because without its line here nothing passes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.models import Owned, Row
from app.vocabulary import Role, UserType

Place = tuple[Any, ...]
"""What tells a row of an account from its others: the values of ``Owned.order``."""

_DIGEST: Final = "a digest, good for nothing but being compared"
_MONEY: Final = "what was paid and spent has to stay accountable"
_PROOF: Final = "proves what was agreed to"
_WHOSE: Final = "an id, which names nobody any more"
_COUNT: Final = "a number, which the ledger adds up to"
_TIME: Final = "when it was"
_CHANGE: Final = "that something was changed has to stay provable, and what is not told"
_SEAL: Final = "shows that nobody has changed the log"


@dataclass(frozen=True, slots=True)
class Holding:
    """What a table holds of a person.

    Attributes:
        owned: Which rows.
        section: Its name in an export; empty: it is in none, and ``withheld`` says why.
        withheld: The columns that an export leaves out, each with the reason.
        kept: The columns that stay when the person is erased, each with the reason; none: the rows
            are deleted.
        emptied: The values of the other columns then.
        is_small: An account has so few rows that they go in the transaction that closes it.
        page: How many rows are read at once.
    """

    owned: Owned
    section: str = ""
    withheld: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)
    emptied: Mapping[str, Any] = field(default_factory=dict)
    is_small: bool = False
    page: int = 200


IDENTITY: Final = {
    "email": None,
    "email_key": None,
    "password_hash": None,
    "full_name": None,
    "role": str(Role.VIEWER),
    "user_type": str(UserType.GUEST),
    "is_active": False,
    "is_deleted": True,
    "email_verified_at": None,
}
"""What is left of a person in ``users``: only guests may lack an e-mail."""

_LEDGER: Final = {
    "user_id": _WHOSE,
    "id": _WHOSE,
    "bucket": _MONEY,
    "transaction_type": _MONEY,
    "amount": _MONEY,
    "balance_after": _MONEY,
    "reference": "makes each cause count once",
    "created_at": _TIME,
}

ACCOUNT: Final = Holding(
    Owned("users", owner="id"),
    "account",
    withheld={"email_key": "the e-mail in another spelling", "password_hash": "a secret"},
    kept={
        "id": _WHOSE,
        "created_at": _TIME,
        "updated_at": _TIME,
    },
    emptied=IDENTITY,
    is_small=True,
)

HEAD: Final = Holding(Owned("sync_heads"), "synchronization", is_small=True)

HOLDINGS: Final = (
    ACCOUNT,
    Holding(Owned("profiles"), "profile", is_small=True),
    Holding(
        Owned("sessions", ("id",)),
        "sign_ins",
        withheld={
            "family_id": "revokes sign-ins",
            "token_hash": _DIGEST,
            "refresh_hash": _DIGEST,
        },
        is_small=True,
    ),
    Holding(Owned("logins"), "sign_in_counter", is_small=True),
    Holding(
        Owned("email_tokens", ("purpose",)),
        "links",
        withheld={"token_hash": _DIGEST},
        is_small=True,
    ),
    Holding(Owned("mail_outbox", ("id",)), "waiting_mails", is_small=True),
    Holding(Owned("user_consents"), "consents", is_small=True),
    Holding(Owned("history", ("id",)), "history", page=50),
    Holding(Owned("sync_clients", ("client_id",)), "devices", is_small=True),
    Holding(
        Owned("sync_mutations", ("client_id", "mutation_id")),
        "changes_from_devices",
        withheld={"result": "an answer, which repeats what is here"},
    ),
    HEAD,
    Holding(Owned("mastered_words", ("id",)), "learned_words"),
    Holding(Owned("mastered_grammar", ("id",)), "learned_grammar"),
    Holding(Owned("approved_cards", ("id",)), "cards", page=5),
    Holding(Owned("chat_messages", ("id",)), "chat_messages", page=50),
    # After what belongs to them: nobody hears of what the database deletes along.
    Holding(Owned("learner_profiles", ("id",)), "learners", page=50),
    Holding(Owned("import_runs", ("id",)), "imports"),
    Holding(
        Owned("import_items", ("run_id", "file", "position")),
        withheld={"*": "what became of each record of a file, which is in the other sections"},
    ),
    Holding(
        Owned("quarantine", ("run_id", "file", "position", "number")),
        "records_that_were_refused",
        page=5,
    ),
    Holding(
        Owned("idempotency_keys", ("key",)),
        "requests",
        withheld={"fingerprint": _DIGEST, "body": "an answer, which repeats what is here"},
    ),
    Holding(Owned("query_cache", ("scope", "query_hash")), "cached_answers", page=10),
    Holding(
        Owned("user_credits"),
        "daily_credits",
        kept={
            "user_id": _WHOSE,
            "is_guest": _COUNT,
            "available_credits": _COUNT,
            "max_credits": _COUNT,
            "last_reset_timestamp": _TIME,
            "created_at": _TIME,
            "updated_at": _TIME,
        },
    ),
    Holding(
        Owned("credit_accounts"),
        "prepaid_credits",
        kept={
            "user_id": _WHOSE,
            "credits_balance": _COUNT,
            "held": _COUNT,
            "debt": _COUNT,
            "claimed_by": _WHOSE,
            "created_at": _TIME,
            "updated_at": _TIME,
        },
        emptied={"stripe_customer_id": None},
    ),
    Holding(
        Owned("credit_holds", ("id",)),
        "holds",
        kept={
            "user_id": _WHOSE,
            "id": _WHOSE,
            "amount": _MONEY,
            "captured": _MONEY,
            "state": _MONEY,
            "created_at": _TIME,
            "expires_at": _TIME,
            "ended_at": _TIME,
        },
        emptied={"reason": None},
    ),
    Holding(
        Owned("credit_transactions", ("id",)), "ledger", kept=_LEDGER, emptied={"reason": None}
    ),
    Holding(
        Owned("credit_transactions_archive", ("id",)),
        "ledger_archive",
        kept=_LEDGER | {"archived_at": _TIME},
        emptied={"reason": None},
    ),
    Holding(
        Owned("transactions", ("transaction_id",)),
        "purchases",
        kept={
            "user_id": _WHOSE,
            "transaction_id": _WHOSE,
            "stripe_session_id": "credits the purchase once",
            "payment_intent_id": "by it Stripe tells of refunds and disputes",
            "amount_paid_cents": _MONEY,
            "currency": _MONEY,
            "credits_added": _MONEY,
            "refunded_cents": _MONEY,
            "disputed_cents": _MONEY,
            "credits_reversed": _MONEY,
            "created_at": _TIME,
        },
    ),
    Holding(
        Owned("consent_events", ("id",)),
        "consent_history",
        kept={
            "user_id": _WHOSE,
            "id": _WHOSE,
            "purpose": _PROOF,
            "decision": _PROOF,
            "document": _PROOF,
            "document_version": _PROOF,
            "language": _PROOF,
            "sha256": _PROOF,
            "method": _PROOF,
            "surface": _PROOF,
            "created_at": _PROOF,
        },
        emptied={"address": None},
    ),
    Holding(
        Owned("audit_log", ("id",)),
        "changes",
        withheld={
            "salt": "keeps the values from being guessed",
            "values_digest": _DIGEST,
            "digest": _DIGEST,
            "block": "where it is sealed",
        },
        kept={
            "user_id": _WHOSE,
            "id": _WHOSE,
            "table_name": _CHANGE,
            "action": _CHANGE,
            "changed_at": _TIME,
            "changed_by": _WHOSE,
            "request_id": _WHOSE,
            "values_digest": _SEAL,
            "digest": _SEAL,
            "block": _SEAL,
        },
        emptied={"record_id": "", "old_value": None, "new_value": None, "salt": None},
        page=50,
    ),
    Holding(
        Owned("erasures"),
        withheld={"*": "whoever is in it has nothing to export"},
        kept={
            "user_id": "to be erased again when a backup was restored",
            "erased_at": _TIME,
            "finished_at": _TIME,
        },
    ),
)

CLAIMED: Final = Holding(Owned("credit_accounts", ("user_id",), owner="claimed_by"))
"""The guests whom an account has claimed: the same person, with rows of their own everywhere."""

ELSEWHERE: Final = {
    "login_attempts": "counts attempts by digests of addresses and e-mails, for a day",
    "stripe_objects": "ids and sums by which Stripe's objects count once; see purchases",
    "stripe_events": "what Stripe told: ids and sums; see purchases",
    "consent_documents": "texts that everybody is shown",
    "installation": "which database this is, one row",
    "leases": "who does what only one may do, for minutes",
    "audit_blocks": "digests of changes, by ids",
    "backups": "when backups were made; they are restored, and then erased in again",
}
"""The tables that hold nothing of a person, each with the reason."""


def place_of(row: Row, holding: Holding) -> Place:
    """Return where a row stands among those of its account."""
    return tuple(row[name] for name in holding.owned.order)
