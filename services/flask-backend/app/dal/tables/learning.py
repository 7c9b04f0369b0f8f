"""Whom an account keeps learning data about, and what they have learned.

Rows are marked as deleted, because devices have copies of them; a learner that is removed for good
takes what is theirs along.
"""

from __future__ import annotations

from app.dal.audited import audit
from app.dal.synced import sync
from app.vocabulary import CardStatus, CardType, MessageRole
from bilayer.runtime import DAL, IS_IN_SET, Field


def define_learning(db: DAL) -> None:
    """Define the tables of learning."""
    _define_learners(db)
    _define_words(db)
    _define_grammar(db)
    _define_cards(db)
    _define_messages(db)


def _define_learners(db: DAL) -> None:
    db.define_table(
        "learner_profiles",
        Field("user_id", "uuid", notnull=True),
        Field("id", "string", length=64, notnull=True),
        Field("name", "string", length=200, notnull=True),
        Field("dob", "text"),
        Field("gender", "text"),
        Field("address", "text"),
        Field("school", "text"),
        Field("neighborhood", "text"),
        Field("interests", "json", notnull=True, default=[]),
        Field("character_roster", "json", notnull=True, default=[]),
        Field("verbal_fluency", "text"),
        Field("passive_language_level", "text"),
        Field("mental_age", "double"),
        Field("raw_input", "text"),
        Field("extracted_data", "json"),
        Field("extra", "json", notnull=True, default={}),
        Field("created_at", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        Field("is_deleted", "boolean", notnull=True, default=False),
        Field("version", "bigint", notnull=True, default=0),
        primarykey=["user_id", "id"],
    )
    sync(db.learner_profiles)
    audit(db.learner_profiles)


def _define_words(db: DAL) -> None:
    db.define_table(
        "mastered_words",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("profile_id", "string", length=64, notnull=True),
        Field("word", "string", length=200, notnull=True),
        Field("language", "string", length=16, notnull=True),
        Field("added_at", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        Field("is_deleted", "boolean", notnull=True, default=False),
        Field("version", "bigint", notnull=True, default=0),
        primarykey=["user_id", "id"],
    )
    sync(db.mastered_words)
    audit(db.mastered_words)


def _define_grammar(db: DAL) -> None:
    db.define_table(
        "mastered_grammar",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("profile_id", "string", length=64, notnull=True),
        Field("grammar_uri", "string", length=500, notnull=True),
        Field("added_at", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        Field("is_deleted", "boolean", notnull=True, default=False),
        Field("version", "bigint", notnull=True, default=0),
        primarykey=["user_id", "id"],
    )
    sync(db.mastered_grammar)
    audit(db.mastered_grammar)


def _define_cards(db: DAL) -> None:
    db.define_table(
        "approved_cards",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("profile_id", "string", length=64, notnull=True),
        Field(
            "card_type",
            "string",
            length=32,
            notnull=True,
            requires=IS_IN_SET(list(CardType)),
        ),
        Field(
            "status",
            "string",
            length=16,
            notnull=True,
            requires=IS_IN_SET(list(CardStatus)),
        ),
        Field("content", "json", notnull=True),
        Field("approved_at", "datetime", notnull=True),
        Field("created_at", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        Field("is_deleted", "boolean", notnull=True, default=False),
        Field("version", "bigint", notnull=True, default=0),
        primarykey=["user_id", "id"],
    )
    sync(db.approved_cards, at_once=10)
    audit(db.approved_cards)


def _define_messages(db: DAL) -> None:
    db.define_table(
        "chat_messages",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("profile_id", "string", length=64, notnull=True),
        Field(
            "role",
            "string",
            length=16,
            notnull=True,
            requires=IS_IN_SET(list(MessageRole)),
        ),
        Field("content", "text", notnull=True),
        Field("mentions", "json"),
        Field("config", "json"),
        Field("extra", "json", notnull=True, default={}),
        Field("timestamp", "datetime", notnull=True),
        Field("created_at", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        Field("is_deleted", "boolean", notnull=True, default=False),
        Field("version", "bigint", notnull=True, default=0),
        primarykey=["user_id", "id"],
    )
    sync(db.chat_messages, at_once=100)
    audit(db.chat_messages)
