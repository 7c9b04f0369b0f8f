"""What was paid, and what Stripe told of it. Holds no rule about what that is worth."""

from __future__ import annotations

from app.dal.audited import audit
from app.vocabulary import EventState
from bilayer.runtime import DAL, IS_IN_SET, Field


def define_billing(db: DAL) -> None:
    """Define the tables of purchases."""
    _define_transactions(db)
    _define_stripe_objects(db)
    _define_stripe_events(db)


def _define_transactions(db: DAL) -> None:
    db.define_table(
        "transactions",
        Field("user_id", "uuid", notnull=True),
        Field("transaction_id", "uuid", notnull=True),
        Field("stripe_session_id", "string", length=255, notnull=True),
        Field("payment_intent_id", "string", length=255),
        Field("amount_paid_cents", "bigint", notnull=True),
        Field("currency", "string", length=3, notnull=True),
        Field("credits_added", "bigint", notnull=True),
        Field("refunded_cents", "bigint", notnull=True, default=0),
        Field("disputed_cents", "bigint", notnull=True, default=0),
        Field("credits_reversed", "bigint", notnull=True, default=0),
        Field("created_at", "datetime", notnull=True),
        primarykey=["user_id", "transaction_id"],
    )
    audit(db.transactions)


def _define_stripe_objects(db: DAL) -> None:
    db.define_table(
        "stripe_objects",
        Field("object_id", "string", length=255, notnull=True),
        Field("kind", "string", length=30, notnull=True),
        Field("parent_id", "string", length=255),
        Field("user_id", "uuid"),
        Field("transaction_id", "uuid"),
        Field("amount_cents", "bigint"),
        Field("status", "string", length=40),
        Field("created_at", "datetime", notnull=True),
        primarykey=["object_id", "kind"],
    )


def _define_stripe_events(db: DAL) -> None:
    db.define_table(
        "stripe_events",
        Field("event_id", "string", length=255, notnull=True),
        Field("type", "string", length=100, notnull=True),
        Field("livemode", "boolean", notnull=True),
        Field(
            "state",
            "string",
            length=10,
            notnull=True,
            default="unmatched",
            requires=IS_IN_SET(list(EventState)),
        ),
        Field("reason", "string", length=200),
        Field("parent_id", "string", length=255),
        Field("payload", "json", notnull=True),
        Field("attempts", "integer", notnull=True, default=0),
        Field("created_at", "datetime", notnull=True),
        Field("received_at", "datetime", notnull=True),
        Field("processed_at", "datetime"),
        primarykey=["event_id"],
    )
