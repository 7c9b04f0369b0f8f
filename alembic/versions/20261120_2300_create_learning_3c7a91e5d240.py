"""Create learning.

Why: what learners know was in JSON files that two writers could spoil for each other. Each row is
under its account and its learner, is marked as deleted and has the account's version, so that
devices can have a copy of it.
"""

import sqlalchemy as sa
from alembic import op

from bilayer import types
from bilayer.migrate import commits_each_statement

revision = "3c7a91e5d240"
down_revision = "8b27d5c0e91f"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "learner_profiles",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.String(length=64), nullable=False),
        sa.Column("name", types.String(length=200), nullable=False),
        sa.Column("dob", types.Text(), nullable=True),
        sa.Column("gender", types.Text(), nullable=True),
        sa.Column("address", types.Text(), nullable=True),
        sa.Column("school", types.Text(), nullable=True),
        sa.Column("neighborhood", types.Text(), nullable=True),
        sa.Column(
            "interests",
            types.JSONDocument(),
            server_default=sa.text("('[]')"),
            nullable=False,
        ),
        sa.Column(
            "character_roster",
            types.JSONDocument(),
            server_default=sa.text("('[]')"),
            nullable=False,
        ),
        sa.Column("verbal_fluency", types.Text(), nullable=True),
        sa.Column("passive_language_level", types.Text(), nullable=True),
        sa.Column("mental_age", sa.Double(), nullable=True),
        sa.Column("raw_input", types.Text(), nullable=True),
        sa.Column("extracted_data", types.JSONDocument(), nullable=True),
        sa.Column(
            "extra",
            types.JSONDocument(),
            server_default=sa.text("('{}')"),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"],
            ["users.id"],
            name=op.f("fk_learner_profiles_user_id_users"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_learner_profiles")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_learner_profiles_is_deleted_user_id_updated_at"),
        "learner_profiles",
        ["is_deleted", "user_id", "updated_at"],
        postgresql_where=sa.text("is_deleted"),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_learner_profiles_user_id_created_at_id"),
        "learner_profiles",
        ["user_id", "created_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_learner_profiles_user_id_version"),
        "learner_profiles",
        ["user_id", "version"],
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "approved_cards",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("profile_id", types.String(length=64), nullable=False),
        sa.Column("card_type", types.String(length=32), nullable=False),
        sa.Column("status", types.String(length=16), nullable=False),
        sa.Column("content", types.JSONDocument(), nullable=False),
        sa.Column(
            "approved_at",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "card_type IN ('basic', 'basic_reverse', 'cloze', 'interactive_cloze')",
            name=op.f("ck_approved_cards_card_type"),
        ),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'synced')", name=op.f("ck_approved_cards_status")
        ),
        sa.ForeignKeyConstraint(
            ["user_id", "profile_id"],
            ["learner_profiles.user_id", "learner_profiles.id"],
            name=op.f("fk_approved_cards_user_id_profile_id_learner_profiles"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_approved_cards")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_approved_cards_is_deleted_user_id_updated_at"),
        "approved_cards",
        ["is_deleted", "user_id", "updated_at"],
        postgresql_where=sa.text("is_deleted"),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_approved_cards_user_id_profile_id_approved_at_id"),
        "approved_cards",
        ["user_id", "profile_id", "approved_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_approved_cards_user_id_version"),
        "approved_cards",
        ["user_id", "version"],
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "chat_messages",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("profile_id", types.String(length=64), nullable=False),
        sa.Column("role", types.String(length=16), nullable=False),
        sa.Column("content", types.Text(), nullable=False),
        sa.Column("mentions", types.JSONDocument(), nullable=True),
        sa.Column("config", types.JSONDocument(), nullable=True),
        sa.Column(
            "extra",
            types.JSONDocument(),
            server_default=sa.text("('{}')"),
            nullable=False,
        ),
        sa.Column(
            "timestamp",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column(
            "created_at",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint(
            "role IN ('user', 'assistant', 'system', 'tool')", name=op.f("ck_chat_messages_role")
        ),
        sa.ForeignKeyConstraint(
            ["user_id", "profile_id"],
            ["learner_profiles.user_id", "learner_profiles.id"],
            name=op.f("fk_chat_messages_user_id_profile_id_learner_profiles"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_chat_messages")),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_chat_messages_is_deleted_user_id_updated_at"),
        "chat_messages",
        ["is_deleted", "user_id", "updated_at"],
        postgresql_where=sa.text("is_deleted"),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_chat_messages_user_id_profile_id_timestamp_id"),
        "chat_messages",
        ["user_id", "profile_id", "timestamp", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_chat_messages_user_id_version"),
        "chat_messages",
        ["user_id", "version"],
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "mastered_grammar",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("profile_id", types.String(length=64), nullable=False),
        sa.Column("grammar_uri", types.String(length=500), nullable=False),
        sa.Column(
            "added_at",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "profile_id"],
            ["learner_profiles.user_id", "learner_profiles.id"],
            name=op.f("fk_mastered_grammar_user_id_profile_id_learner_profiles"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_mastered_grammar")),
        sa.UniqueConstraint(
            "user_id",
            "profile_id",
            "grammar_uri",
            name=op.f("uq_mastered_grammar_user_id_profile_id_grammar_uri"),
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_mastered_grammar_is_deleted_user_id_updated_at"),
        "mastered_grammar",
        ["is_deleted", "user_id", "updated_at"],
        postgresql_where=sa.text("is_deleted"),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_mastered_grammar_user_id_profile_id_added_at_id"),
        "mastered_grammar",
        ["user_id", "profile_id", "added_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_mastered_grammar_user_id_version"),
        "mastered_grammar",
        ["user_id", "version"],
        if_not_exists=commits_each_statement(),
    )
    op.create_table(
        "mastered_words",
        sa.Column("user_id", types.UUID(), nullable=False),
        sa.Column("id", types.UUID(), nullable=False),
        sa.Column("profile_id", types.String(length=64), nullable=False),
        sa.Column("word", types.String(length=200), nullable=False),
        sa.Column("language", types.String(length=16), nullable=False),
        sa.Column(
            "added_at",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            types.UTCDateTime(),
            server_default=types.utcnow(),
            nullable=False,
        ),
        sa.Column("is_deleted", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id", "profile_id"],
            ["learner_profiles.user_id", "learner_profiles.id"],
            name=op.f("fk_mastered_words_user_id_profile_id_learner_profiles"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "id", name=op.f("pk_mastered_words")),
        sa.UniqueConstraint(
            "user_id",
            "profile_id",
            "word",
            "language",
            name=op.f("uq_mastered_words_user_id_profile_id_word_language"),
        ),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_mastered_words_is_deleted_user_id_updated_at"),
        "mastered_words",
        ["is_deleted", "user_id", "updated_at"],
        postgresql_where=sa.text("is_deleted"),
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_mastered_words_user_id_profile_id_added_at_id"),
        "mastered_words",
        ["user_id", "profile_id", "added_at", "id"],
        if_not_exists=commits_each_statement(),
    )
    op.create_index(
        op.f("ix_mastered_words_user_id_version"),
        "mastered_words",
        ["user_id", "version"],
        if_not_exists=commits_each_statement(),
    )


def downgrade() -> None:
    op.drop_table("chat_messages", if_exists=commits_each_statement())
    op.drop_table("approved_cards", if_exists=commits_each_statement())
    op.drop_table("mastered_grammar", if_exists=commits_each_statement())
    op.drop_table("mastered_words", if_exists=commits_each_statement())
    op.drop_table("learner_profiles", if_exists=commits_each_statement())
