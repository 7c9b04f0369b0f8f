"""PyDAL's tables, as they came from models/db.py."""

from pydal import Field
from pydal.validators import IS_EMAIL, IS_IN_SET, IS_NOT_IN_DB

ROLES = ["editor", "reader"]


def define_tables(db):
    # web2py's Auth, written out.
    db.define_table(
        "auth_user",
        Field("first_name", length=128, default=""),
        Field("email", length=255, requires=[IS_EMAIL(), IS_NOT_IN_DB(db, "auth_user.email")]),  # BL209 auth_user.email
        Field("password", "password", length=255, readable=False),
        Field("registration_key", length=512, default="", writable=False),
        Field("is_admin", "boolean", default=False),  # BL401 auth_user.is_admin [sqlite mysql]
        Field("created_on", "datetime"),  # BL402 auth_user.created_on [sqlite postgresql]
        Field("nickname", length=40),  # BL202 auth_user.nickname
        Field.Method("name", lambda row: row.auth_user.first_name),
        format="%(first_name)s",
    )
    db.define_table(
        "auth_group",
        Field("role", length=128, requires=IS_IN_SET(ROLES), notnull=True),
        Field("description", "text"),
    )
    db.define_table(
        "auth_membership",
        Field("user_id", "reference auth_user"),
        Field("group_id", "reference auth_group"),
    )
    db.define_table(  # BL119 ARTICLE [mysql]
        "article",
        Field("id", "id", rname='"ID"'),  # BL119 ARTICLE.ID [mysql]
        Field("title", length=100, rname='"TITLE"', notnull=True),  # BL205 ARTICLE.TITLE; BL119 ARTICLE.TITLE [mysql]
        Field("body", "text", rname='"BODY"'),  # BL119 ARTICLE.BODY [mysql]
        Field("tags", "list:string", rname='"TAGS"'),  # BL406 ARTICLE.TAGS; BL119 ARTICLE.TAGS [mysql]
        Field("cover", "upload", rname='"COVER"'),  # BL119 ARTICLE.COVER [mysql]
        Field("views", "big-integer", rname='"VIEWS"'),  # BL109 ARTICLE.VIEWS; BL119 ARTICLE.VIEWS [mysql]
        Field("author", "reference person", rname='"AUTHOR_ID"'),  # BL110 ARTICLE.AUTHOR_ID; BL119 ARTICLE.AUTHOR_ID [mysql]
        rname='"ARTICLE"',
    )
    db.define_table(
        "setting",
        Field("id", "string", length=40),  # BL108 setting.id; BL204 setting.id
        Field("position", "integer", rname="order"),  # BL111 setting.order
        Field("value", "text"),
    )
    db.define_table(  # BL107 comment
        "comment",
        Field("article_id", "reference article"),
        Field("body", "text", notnull=True),
        Field("rating", "double"),  # BL204 comment.rating
        migrate=True,
    )
    db.define_table(  # BL201 visits
        "visits",
        Field("url", length=255),
    )
    db.define_table("auth_group", Field("role", notnull=True), Field("description", "text"))  # BL112 auth_group
