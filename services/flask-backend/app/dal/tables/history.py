"""What people did, one row an action. Holds no rule about who may read it."""

from __future__ import annotations

from app.dal.audited import audit
from app.dal.synced import sync
from bilayer.runtime import DAL, Field


def define_history(db: DAL) -> None:
    """Define the table of actions."""
    db.define_table(
        "history",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("action_type", "string", length=50, notnull=True),
        Field("payload", "json", notnull=True),
        Field("created_at", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        Field("is_deleted", "boolean", notnull=True, default=False),
        Field("version", "bigint", notnull=True, default=0),
        primarykey=["user_id", "id"],
    )
    fields = ("action_type", "payload")
    sync(db.history, writable=fields, required=fields)
    audit(db.history)
