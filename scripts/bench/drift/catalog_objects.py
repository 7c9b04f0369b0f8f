"""Mutations of what stands beside the tables, and of how a table is kept."""

from __future__ import annotations

from typing import Final

from scripts.bench.drift.cases import Case, case
from scripts.bench.drift.edits import append, both, drop, swap


def _ddl(text: str) -> str:
    return f'DDL("{text}")'


OBJECTS: Final[tuple[Case, ...]] = (
    case("views", "a view is missing", drop(None, "CREATE VIEW"), "BL221 open_tasks E/W mm=E/I"),
    case("views", "a view is added", append(_ddl("CREATE VIEW rooms AS SELECT room FROM bookings")),
         "BL221 rooms W/E mm=I/E"),
    case("views", "a view says something else", swap(None, "due_on IS NOT NULL", "due_on IS NULL"),
         "BL221 open_tasks W"),
    case("views", "a view has a column less", swap(None, "SELECT id, subject", "SELECT id"),
         "BL221 open_tasks W"),
    case("views", "a materialized view is missing", drop(None, "MATERIALIZED"),
         "BL221 team_names E/W mm=E/I", on="pg"),
    case("views", "a materialized view is a plain one", swap(None, "MATERIALIZED VIEW", "VIEW"),
         "BL221 team_names W", on="pg"),
    case("triggers", "a trigger is missing", drop(None, "TRIGGER touch_users"),
         "BL222 users W mm=W/I"),
    case("triggers", "a trigger is added", append(_ddl("CREATE TRIGGER touch_teams BEFORE UPDATE ON"
         " teams FOR EACH ROW EXECUTE FUNCTION touch()")), "BL222 teams W mm=I/W", on="pg"),
    case("triggers", "a trigger is added", append(_ddl("CREATE TRIGGER touch_teams BEFORE UPDATE ON"
         " teams FOR EACH ROW SET NEW.seats = 1")), "BL222 teams W mm=I/W", on="my"),
    case("triggers", "a trigger is added", append(_ddl("CREATE TRIGGER touch_teams AFTER UPDATE ON"
         " teams BEGIN SELECT 1; END")), "BL222 teams W mm=I/W", on="lite"),
    case("triggers", "a trigger fires at another time", swap(None, "BEFORE UPDATE ON users",
         "BEFORE INSERT ON users"), "BL222 users W", on="pg my"),
    case("triggers", "a trigger does something else", swap(None, "BEGIN SELECT 1",
         "BEGIN SELECT 2"),
         "BL222 users W", on="lite"),
    case("triggers", "a trigger does something else", swap(None, "NEW.karma = 1", "NEW.karma = 2"),
         "BL222 users W", on="my"),
    case("triggers", "a trigger is off", append(_ddl("ALTER TABLE users DISABLE TRIGGER"
         " touch_users")), "BL222 users W", on="pg"),
    case("triggers", "all triggers are off", append(_ddl("ALTER TABLE tasks DISABLE TRIGGER ALL")),
         "BL311 tasks.parent_id W", "BL311 tasks.project_id W", on="pg"),
    case("sequences", "a sequence is missing", both(drop(None, "SEQUENCE("), swap("invoices",
         ", server_default=sa.text(\"nextval('invoice_numbers')\")", "")),
         "BL223 invoice_numbers E/W", "BL217 invoices.number E/W", on="pg"),
    case("sequences", "a sequence is added", append(_ddl("CREATE SEQUENCE bills")),
         "BL223 bills W/E",
         on="pg my"),
    case("sequences", "a sequence counts otherwise", append(_ddl("ALTER SEQUENCE invoice_numbers"
         " INCREMENT BY 10")), "BL223 invoice_numbers W", on="pg"),
    case("schemas", "a schema is added", append(_ddl("CREATE SCHEMA archive")),
         "BL224 archive W mm=I/W",
         on="pg"),
    case("schemas", "a table in another schema is added", append(_ddl("CREATE SCHEMA archive"),
         _ddl("CREATE TABLE archive.old (id int PRIMARY KEY)")), "BL224 archive W mm=I/W",
         "BL201 archive.old W/E", on="pg"),
    case("storage", "a table is not logged", append(_ddl("ALTER TABLE bookings SET UNLOGGED")),
         "BL219 bookings W", on="pg"),
    case("storage", "rows are hidden", append(_ddl("ALTER TABLE users ENABLE ROW LEVEL SECURITY")),
         "BL220 users W", on="pg"),
    case("storage", "a table has another engine", append(_ddl("ALTER TABLE bookings ENGINE=Aria")),
         "BL219 bookings W", on="my"),
    case("storage", "a table has other letters", append(_ddl("ALTER TABLE bookings CHARACTER SET"
         " latin1")), "BL219 bookings W", on="my"),
    case("storage", "a column is not seen", append(_ddl("ALTER TABLE bookings MODIFY fee"
         " NUMERIC(8, 2) INVISIBLE")), "BL218 bookings.fee W", on="my"),
)  # fmt: skip
