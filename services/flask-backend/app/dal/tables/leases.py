"""Who does what only one may do at a time. Holds no rule about what that is."""

from __future__ import annotations

from bilayer.runtime import DAL, Field


def define_leases(db: DAL) -> None:
    """Define the table of leases."""
    db.define_table(
        "leases",
        Field("name", "string", length=200, notnull=True),
        Field("holder", "uuid", notnull=True),
        Field("expires_at", "datetime", notnull=True),
        primarykey=["name"],
    )
