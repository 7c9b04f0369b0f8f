"""PyDAL's tables."""

from pydal import Field


def define_tables(db):
    db.define_table(
        "author",
        Field("name", length=100, notnull=True),
        Field("born_on", "date"),
        Field("note", "text"),
        Field("country", length=2, notnull=True, default="GB"),
        # Lives in Python only.
        Field.Virtual("initial", lambda row: row.author.name[:1]),
        format="%(name)s",
    )
    db.define_table(
        "book",
        Field("author_id", "reference author", notnull=True),
        Field("title", "string", 200, notnull=True),
        Field("pages", "integer", notnull=True),
        Field("stock", "integer", notnull=True, default=0),
        Field("price", "decimal(10,2)"),
        Field("weight", "double"),
    )
    db.define_table(
        "loan",
        Field("book_id", "reference book", notnull=True),
        Field("number", "integer", notnull=True),
        Field("lent_on", "date", notnull=True),
        primarykey=["book_id", "number"],
    )
