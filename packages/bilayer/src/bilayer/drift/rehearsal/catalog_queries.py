"""What is asked of a catalog besides its tables: name and definition, by kind, for each engine."""
# ruff: noqa: S608 - put together from the constants above them only

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_USER: Final = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_OWNED: Final = (
    "NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = {} AND d.deptype IN ('e', 'i', 'a'))"
)
QUERIES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "postgresql": (
        ("schema", "SELECT nspname, '' FROM pg_namespace n WHERE " + _USER),
        ("extension", "SELECT extname, extversion FROM pg_extension"),
        (
            "type",
            "SELECT n.nspname || '.' || t.typname, t.typtype::text || ' ' || coalesce((SELECT"
            " string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder) FROM pg_enum e"
            " WHERE e.enumtypid = t.oid), format_type(t.typbasetype, t.typtypmod), '')"
            " FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
            " WHERE t.typtype IN ('e', 'd', 'r') AND " + _USER + " AND " + _OWNED.format("t.oid"),
        ),
        (
            "sequence",
            "SELECT c.oid::regclass::text, format_type(s.seqtypid, NULL) || ' ' || s.seqincrement"
            " FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid"
            " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE " + _USER,
        ),
        (
            "view",
            "SELECT c.oid::regclass::text, pg_get_viewdef(c.oid) FROM pg_class c JOIN pg_namespace"
            " n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND " + _USER + " AND "
            + _OWNED.format("c.oid"),
        ),
        (
            "function",
            "SELECT p.oid::regprocedure::text, p.prosrc FROM pg_proc p JOIN pg_namespace n"
            " ON n.oid = p.pronamespace WHERE " + _USER + " AND " + _OWNED.format("p.oid"),
        ),
        (
            "trigger",
            ("SELECT c.relname || '.' || t.tgname, pg_get_triggerdef(t.oid) || t.tgenabled::text"
            " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal"),
        ),
        (
            "policy",
            ("SELECT c.relname || '.' || p.polname, coalesce(pg_get_expr(p.polqual, c.oid), '')"
            " FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid"),
        ),
        (
            "storage of table",
            "SELECT c.oid::regclass::text, concat_ws(' ', c.relpersistence, c.relrowsecurity,"
            " c.relforcerowsecurity, c.reloptions) FROM pg_class c JOIN pg_namespace n"
            " ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') AND " + _USER,
        ),
        (
            "unfinished constraint or index",
            ("SELECT c.relname || '.' || k.conname, 'NOT VALID' FROM pg_constraint k"
            " JOIN pg_class c ON c.oid = k.conrelid WHERE NOT k.convalidated"
            " UNION ALL SELECT indexrelid::regclass::text, 'invalid' FROM pg_index"
            " WHERE NOT indisvalid"),
        ),
    ),
    "mysql": (
        (
            "view",
            ("SELECT table_name, view_definition FROM information_schema.views"
            " WHERE table_schema = database()"),
        ),
        (
            "trigger",
            ("SELECT trigger_name, concat(event_object_table, ' ', action_timing, ' ',"
            " event_manipulation, ' ', action_statement) FROM information_schema.triggers"
            " WHERE trigger_schema = database()"),
        ),
        (
            "routine",
            ("SELECT routine_name, routine_definition FROM information_schema.routines"
            " WHERE routine_schema = database()"),
        ),
        (
            "storage of table",
            ("SELECT table_name, concat_ws(' ', table_type, engine, table_collation) FROM"
            " information_schema.tables WHERE table_schema = database()"),
        ),
    ),
    "sqlite": (
        ("view", "SELECT name, sql FROM sqlite_master WHERE type = 'view'"),
        ("trigger", "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"),
    ),
}  # fmt: skip
