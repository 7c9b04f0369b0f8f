"""PyDAL's tables."""

from pydal import Field


def define_tables(db):
    db.define_table("account", Field("name", length=80))
    db.define_table("report", Field("title", length=80))
    db.define_table("setting", Field("word", length=40))
