"""What people agreed to: the state, the proof of it, and the texts. Holds no rule about them."""

from __future__ import annotations

from app.dal.audited import audit
from app.dal.synced import sync
from app.vocabulary import Decision, Purpose
from bilayer.runtime import DAL, IS_IN_SET, Field


def define_consents(db: DAL) -> None:
    """Define the tables of consents."""
    _define_user_consents(db)
    _define_consent_events(db)
    _define_consent_documents(db)
    _define_erasures(db)


def _define_user_consents(db: DAL) -> None:
    db.define_table(
        "user_consents",
        Field("user_id", "uuid", notnull=True),
        Field("terms_accepted", "boolean", notnull=True, default=False),
        Field("terms_version", "string", length=50),
        Field("marketing_consent", "boolean", notnull=True, default=False),
        Field("timestamp", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        Field("version", "bigint", notnull=True, default=0),
        primarykey=["user_id"],
    )
    sync(db.user_consents)  # Decisions are proven by events, and made by their own endpoint.
    audit(db.user_consents)


def _define_consent_events(db: DAL) -> None:
    db.define_table(
        "consent_events",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("purpose", "string", length=20, notnull=True, requires=IS_IN_SET(list(Purpose))),
        Field("decision", "string", length=20, notnull=True, requires=IS_IN_SET(list(Decision))),
        Field("document", "string", length=50),
        Field("document_version", "string", length=50),
        Field("language", "string", length=35),
        Field("sha256", "string", length=64),
        Field("method", "string", length=30, notnull=True),
        Field("surface", "string", length=100),
        Field("address", "string", length=45),
        Field("created_at", "datetime", notnull=True),
        primarykey=["user_id", "id"],
    )


def _define_consent_documents(db: DAL) -> None:
    db.define_table(
        "consent_documents",
        Field("document", "string", length=50, notnull=True),
        Field("version", "string", length=50, notnull=True),
        Field("language", "string", length=35, notnull=True),
        Field("sha256", "string", length=64, notnull=True),
        Field("body", "text", notnull=True),
        Field("effective_at", "datetime", notnull=True),
        Field("created_at", "datetime", notnull=True),
        primarykey=["document", "version", "language"],
    )
    audit(db.consent_documents)


def _define_erasures(db: DAL) -> None:
    db.define_table(
        "erasures",
        Field("user_id", "uuid", notnull=True),
        Field("erased_at", "datetime", notnull=True),
        Field("finished_at", "datetime"),
        primarykey=["user_id"],
    )
