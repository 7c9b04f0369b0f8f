"""PyDAL's tables."""

from pydal import Field


def define_tables(db):
    db.define_table("teacher", Field("name", length=80, notnull=True))  # BL201 teacher
    db.define_table(  # BL202 course.heading; BL203 course.room [postgresql]
        "course",
        Field("title", length=120, notnull=True),  # BL202 course.title
        Field("Room", length=20),
    )
    db.define_table("student", Field("name", length=80, notnull=True))
    db.define_table(  # BL202 enrolment.id
        "enrolment",
        Field("student_id", "reference student"),
        Field("course_id", "reference course"),
        Field("grade", "integer"),
    )
