"""What devices have and have sent: versions, clients, and what became of their changes."""

from __future__ import annotations

from bilayer.runtime import DAL, Field


def define_sync(db: DAL) -> None:
    """Define the tables of synchronization."""
    db.define_table(
        "installation",
        Field("id", "integer", notnull=True),
        Field("epoch", "uuid", notnull=True),
        Field("raised_at", "datetime", notnull=True),
        primarykey=["id"],
    )
    db.define_table(
        "sync_heads",
        Field("user_id", "uuid", notnull=True),
        Field("version", "bigint", notnull=True, default=0),
        Field("epoch", "uuid", notnull=True),
        Field("floor", "bigint", notnull=True, default=0),
        Field("changed_at", "datetime", notnull=True),
        primarykey=["user_id"],
    )
    db.define_table(
        "sync_clients",
        Field("user_id", "uuid", notnull=True),
        Field("client_id", "string", length=64, notnull=True),
        Field("name", "string", length=100),
        Field("acked_version", "bigint", notnull=True, default=0),
        Field("epoch", "uuid", notnull=True),
        Field("first_seen_at", "datetime", notnull=True),
        Field("last_seen_at", "datetime", notnull=True),
        Field("revoked_at", "datetime"),
        primarykey=["user_id", "client_id"],
    )
    db.define_table(
        "sync_mutations",
        Field("user_id", "uuid", notnull=True),
        Field("client_id", "string", length=64, notnull=True),
        Field("mutation_id", "string", length=64, notnull=True),
        Field("result", "json", notnull=True),
        Field("created_at", "datetime", notnull=True),
        primarykey=["user_id", "client_id", "mutation_id"],
    )
