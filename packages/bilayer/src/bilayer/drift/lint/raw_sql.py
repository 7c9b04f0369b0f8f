"""Statements that a revision writes as SQL, as far as their first words tell what they do.

No parser: a statement whose words say nothing is ``other``, and no rule looks at it. Comments and
literals are taken out first, so that nothing in them is taken for a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from bilayer.drift.lint.blocks import open_blocks, without_control, without_nested

Told = tuple[str, str | None, dict[str, Any]]
"""Kind, table and facts of a step."""

_NO_QUOTES: Final = str.maketrans("", "", '"`')

_TOKEN: Final = re.compile(
    r"""--[^\n]*|^\s*\#(?!>)[^\n]*|/\*.*?\*/|"[^"]*"|`[^`]*`"""
    r"""|\be'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$""",
    re.DOTALL | re.MULTILINE | re.IGNORECASE,
)
_BRACKETS: Final = re.compile(r"\([^()]*\)")
VOLATILE: Final = re.compile(
    r"\b(random|clock_timestamp|timeofday|gen_random_uuid|uuid_generate_v\w+|uuid|uuid_v7|uuidv7"
    r"|nextval|rand)\s*\(",
    re.IGNORECASE,
)
"""Functions that give another value for each row."""

_BARE: Final = r'(?:[\w$]+|"[^"]+"|`[^`]+`)(?:\s*\.\s*(?:[\w$]+|"[^"]+"|`[^`]+`))?'
_NAME: Final = f"({_BARE})"
_IF: Final = r"(if\s+(?:not\s+)?exists\s+)?"
_FLAGS: Final = re.IGNORECASE | re.DOTALL


def read_sql(text: str) -> Iterator[Told]:
    """Tell kind, table and facts of each statement of a text."""
    bare = _TOKEN.sub(_without_literal, open_blocks(without_nested(text)))
    for statement in bare.split(";"):
        words = without_control(statement)
        if words:
            yield from _read_statement(words)


def _without_literal(match: re.Match[str]) -> str:
    token = match[0]
    if token[0] in '"`':
        return re.sub(r"[;,()]", "_", token)  # a name, in which they separate nothing
    return " " if token.lstrip()[0] in "-/#" else "''"


def _read_statement(words: str) -> Iterator[Told]:
    for pattern, read in _PATTERNS:
        match = pattern.match(words)
        if match:
            yield from read(match)
            return
    yield "other", None, {}


def _create_index(match: re.Match[str]) -> Iterator[Told]:
    unique, concurrent, guard, name, table = match.groups()
    facts = {
        "name": _plain(name),
        "is_unique": bool(unique),
        "is_concurrent": bool(concurrent),
        "is_guarded": bool(guard),
    }
    yield "create_index", _plain(table), facts


def _drop_index(match: re.Match[str]) -> Iterator[Told]:
    concurrent, guard, name, table = match.groups()
    facts = {
        "name": _plain(name),
        "is_concurrent": bool(concurrent),
        "is_guarded": bool(guard),
    }
    yield "drop_index", _plain(table), facts


def _create_table(match: re.Match[str]) -> Iterator[Told]:
    yield "create_table", _plain(match[2]), {"is_guarded": bool(match[1])}


def _drop_table(match: re.Match[str]) -> Iterator[Told]:
    for name in match[2].split(","):
        yield "drop_table", _plain(name), {"is_guarded": bool(match[1])}


def _rename_by_name(match: re.Match[str]) -> Iterator[Told]:
    yield "rename_table", _plain(match[1]), {"new_name": _plain(match[2])}


def _write_rows(match: re.Match[str]) -> Iterator[Told]:
    is_cascading = bool(re.match(r"truncate\b.*\bcascade\b", match.string, _FLAGS))
    yield "write_rows", _plain(match[1]), {"is_cascading": is_cascading}


def _alter_type(match: re.Match[str]) -> Iterator[Told]:
    is_placed = bool(re.search(r"\b(?:before|after)\b", match.string, _FLAGS))
    facts = {"change": match[2].lower(), "is_placed": is_placed}
    yield "other", None, facts | {"enum": _plain(match[1])}


def _alter_table(match: re.Match[str]) -> Iterator[Told]:
    table = _plain(match[1])
    for number, part in enumerate(_parts(match[2])):
        kind, name, facts = _alter_part(table, part)
        yield kind, name, facts | {"is_continued": bool(number)}


def _parts(text: str) -> Iterator[str]:
    for part in _split(text):
        several = re.fullmatch(r"add\s+(?:column\s+)?\((.*)\)", part, _FLAGS)
        yield from (f"add {each}" for each in _split(several[1])) if several else (part,)


def _alter_part(table: str | None, part: str) -> Told:
    for pattern, read in _PARTS:
        found = pattern.match(part)
        if found:
            kind, facts = read(found)
            return kind, table, facts
    return "other", table, {}


def _split(text: str) -> Iterator[str]:
    """Split at the commas that are in no brackets."""
    depth, start = 0, 0
    for place, sign in enumerate(text):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and not depth:
            yield text[start:place].strip()
            start = place + 1
    yield text[start:].strip()


def _plain(name: str | None) -> str | None:
    return re.sub(r"\s*\.\s*", ".", name).strip().translate(_NO_QUOTES) if name else None


def _constraint(found: re.Match[str]) -> tuple[str, dict[str, Any]]:
    words = found[0].lower()
    kinds = {
        "foreign": "foreign_key",
        "check": "check",
        "unique": "unique",
        "primary": "primary_key",
    }
    first = found["kind"].lower().split()[0]
    return "add_constraint", {
        "constraint": kinds.get(first, "exclude"),
        "name": _plain(found["name"]),
        "is_not_valid": "not valid" in re.sub(r"\s+", " ", words),
        "uses_index": "using index" in re.sub(r"\s+", " ", words),
    }


def _add_column(found: re.Match[str]) -> tuple[str, dict[str, Any]]:
    rest = found["rest"]
    lower = re.sub(r"\s+", " ", rest.lower())
    own = lower  # without what stands in brackets, such as a check's condition
    while (shorter := _BRACKETS.sub("", own)) != own:
        own = shorter
    has_default = " default " in f" {lower} "
    return "add_column", {
        "name": _plain(found["name"]),
        "type": rest.split()[0] if rest.split() else None,
        "is_required": "not null" in own and not re.search("primary key|generated", own),
        "default": "?" if has_default else None,
        "is_volatile": has_default and bool(VOLATILE.search(rest)),
        "is_computed": "generated always as (" in lower and "stored" in lower,
        "is_identity": "as identity" in lower,
        "is_serial": lower.startswith(("serial", "bigserial")) or "auto_increment" in lower,
        "has_reference": "references " in lower,
    }


def _fact(kind: str, **facts: Any) -> Callable[[re.Match[str]], tuple[str, dict[str, Any]]]:
    def read(found: re.Match[str]) -> tuple[str, dict[str, Any]]:
        named = {"name": _plain(found["name"])} if "name" in found.groupdict() else {}
        return kind, named | facts

    return read


def _rename_table(found: re.Match[str]) -> tuple[str, dict[str, Any]]:
    return "rename_table", {"new_name": _plain(found["new"])}


def _rename_column(found: re.Match[str]) -> tuple[str, dict[str, Any]]:
    return "alter_column", {"name": _plain(found["name"]), "new_name": _plain(found["new"])}


def _retype(found: re.Match[str]) -> tuple[str, dict[str, Any]]:
    return "alter_column", {"name": _plain(found["name"]), "type": found["rest"].strip()}


_KIND: Final = r"(?P<kind>foreign\s+key|check|unique|primary\s+key|exclude)"
_NO_TYPE: Final = r"(?!(?:varchar|char|character|numeric|decimal)\b)"
"""PostgreSQL takes ``key`` and ``index`` as names of columns."""
_COLUMN: Final = _NAME.replace("(", "(?P<name>", 1)
_INDEX: Final = rf"(?:(?:fulltext|spatial)\s+)?(?:index|key)\s*{_IF}{_NO_TYPE}(?:{_COLUMN}\s*)?"
_PARTS: Final = [
    (re.compile(pattern, _FLAGS), read)
    for pattern, read in (
        (rf"add\s+{_INDEX}(?:using\s+\w+\s*)?\(", _fact("create_index")),
        (rf"drop\s+(?:index|key)\s+{_IF}(?!cascade|restrict){_COLUMN}", _fact("drop_index")),
        (rf"drop\s+(?:foreign\s+key|check)\s+{_IF}{_COLUMN}", _fact("drop_constraint")),
        (r"drop\s+primary\s+key\b", _fact("drop_constraint")),
        (rf"add\s+(?:constraint\s+{_COLUMN}\s+)?{_KIND}\b.*", _constraint),
        (rf"add\s+constraint\s+{_BARE}\s+not\s+null\s+{_COLUMN}\s*$",
         _fact("alter_column", is_required=True)),
        (r"add\s+constraint\b", _fact("other")),
        (rf"add\s+(?:column\s+)?{_IF}{_COLUMN}\s+(?P<rest>.*)", _add_column),
        (rf"drop\s+constraint\s+{_IF}{_COLUMN}", _fact("drop_constraint")),
        (rf"drop\s+(?:column\s+)?{_IF}{_COLUMN}", _fact("drop_column")),
        (rf"alter\s+(?:column\s+)?{_COLUMN}\s+set\s+not\s+null",
         _fact("alter_column", is_required=True)),
        (rf"alter\s+(?:column\s+)?{_COLUMN}\s+drop\s+not\s+null",
         _fact("alter_column", is_required=False)),
        (rf"alter\s+(?:column\s+)?{_COLUMN}\s+(?:set\s+data\s+)?type\s+(?P<rest>.*)", _retype),
        (rf"(?:modify|change)\s+(?:column\s+)?{_COLUMN}\s+(?P<rest>.*)", _retype),
        (rf"rename\s+(?:column\s+)?{_COLUMN}\s+to\s+(?P<new>\S+)", _rename_column),
        (r"rename\s+(?:to|as)\s+(?P<new>\S+)", _rename_table),
        (rf"validate\s+constraint\s+{_COLUMN}", _fact("other", is_validation=True)),
    )
]  # fmt: skip
_WRITE: Final = (
    r"update|(?:insert|replace)\s+(?:\w+\s+){0,2}into|delete\s+from|truncate(?:\s+table)?"
)
_PATTERNS: Final = [
    (re.compile(pattern, _FLAGS), read)
    for pattern, read in (
        (rf"create\s+(?:(?:(unique)|fulltext|spatial)\s+)?index\s+(concurrently\s+)?{_IF}(?:{_NAME}\s+)?on\s+(?:only\s+)?{_NAME}",
         _create_index),
        (rf"drop\s+index\s+(concurrently\s+)?{_IF}{_NAME}(?:\s+on\s+{_NAME})?", _drop_index),
        (rf"create\s+(?:(?:global|local|temporary|temp|unlogged)\s+)*table\s+{_IF}{_NAME}",
         _create_table),
        (rf"drop\s+table\s+{_IF}({_BARE}(?:\s*,\s*{_BARE})*)", _drop_table),
        (rf"rename\s+table\s+(?:if\s+exists\s+)?{_NAME}\s+to\s+{_NAME}", _rename_by_name),
        (rf"alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?{_NAME}\s+(.*)", _alter_table),
        (rf"alter\s+type\s+{_NAME}\s+(add|rename)\s+value\b", _alter_type),
        (rf"(?:with\s.*\)\s*)?(?:{_WRITE})\s+(?:only\s+)?{_NAME}", _write_rows),
    )
]  # fmt: skip
