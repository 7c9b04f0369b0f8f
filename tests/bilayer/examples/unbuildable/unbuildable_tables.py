"""PyDAL's tables."""

from pydal import Field


def define_tables(db):
    db.define_table("sound", Field("name", "integer"))  # BL204 sound.name
    db.define_table("orphan", Field("owner_id", "integer"))
    db.define_table("loose", Field("name", "integer"))
    db.define_table("endless", Field("name"))
    db.define_table("long_key", Field("a", length=1500), Field("b", length=1500), primarykey=["a", "b"])
    db.define_table("special", Field("places", "list:integer"))  # BL406 special.places
