"""PyDAL's tables."""

from pydal import Field


def define_tables(db):
    db.define_table(
        "member",
        Field("name", length=80, notnull=True),
        Field("active", "boolean", notnull=True, default=True),  # BL401 member.active
        Field("points", "integer", notnull=True, default=0),
    )
    db.define_table(
        "visit",
        Field("member_id", "reference member", notnull=True),  # BL304 visit.member_id
        Field("door", length=10, rname='"Door"'),  # BL119 visit.Door
    )
