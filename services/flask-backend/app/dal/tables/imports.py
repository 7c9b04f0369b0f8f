"""What was brought in from files: runs, what became of each record, and what could not go in."""

from __future__ import annotations

from bilayer.runtime import DAL, IS_IN_SET, Field


def define_imports(db: DAL) -> None:
    """Define the tables of imports."""
    _define_runs(db)
    _define_items(db)
    _define_quarantine(db)


def _define_runs(db: DAL) -> None:
    db.define_table(
        "import_runs",
        Field("user_id", "uuid", notnull=True),
        Field("id", "uuid", notnull=True),
        Field("source", "text", notnull=True),
        Field("profile_id", "string", length=64),
        Field(
            "state",
            "string",
            length=16,
            notnull=True,
            requires=IS_IN_SET(["running", "finished", "rolled_back"]),
        ),
        Field("manifest", "json", notnull=True),
        Field("counts", "json", notnull=True, default={}),
        Field("started_at", "datetime", notnull=True),
        Field("updated_at", "datetime", notnull=True),
        Field("finished_at", "datetime"),
        primarykey=["user_id", "id"],
    )


def _define_items(db: DAL) -> None:
    db.define_table(
        "import_items",
        Field("user_id", "uuid", notnull=True),
        Field("run_id", "uuid", notnull=True),
        Field("file", "string", length=255, notnull=True),
        Field("position", "bigint", notnull=True),
        Field("pointer", "text", notnull=True),
        Field("record_hash", "string", length=64, notnull=True),
        Field(
            "status",
            "string",
            length=16,
            notnull=True,
            requires=IS_IN_SET(["added", "merged", "present", "quarantined"]),
        ),
        Field("stored", "json", notnull=True),
        Field("original", "json", notnull=True),
        Field("version", "bigint", notnull=True, default=0),
        primarykey=["user_id", "run_id", "file", "position"],
    )


def _define_quarantine(db: DAL) -> None:
    db.define_table(
        "quarantine",
        Field("user_id", "uuid", notnull=True),
        Field("run_id", "uuid", notnull=True),
        Field("file", "string", length=255, notnull=True),
        Field("position", "bigint", notnull=True),
        Field("number", "bigint", notnull=True),
        Field("pointer", "text", notnull=True),
        Field("rule", "string", length=64, notnull=True),
        Field("reason", "text", notnull=True),
        Field("value", "text", notnull=True),
        Field("state", "string", length=16, notnull=True, requires=IS_IN_SET(["open", "resolved"])),
        Field("created_at", "datetime", notnull=True),
        Field("resolved_at", "datetime"),
        primarykey=["user_id", "run_id", "file", "position", "number"],
    )
