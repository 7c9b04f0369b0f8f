"""How PostgreSQL spells what PyDAL asks."""

from __future__ import annotations

from typing import Any, Final

from bilayer.runtime.adapters.dialect import SafeDialect
from bilayer.runtime.adapters.parts import Env
from bilayer.runtime.codecs import encode_json
from bilayer.runtime.codecs import encode_text as text_of
from bilayer.runtime.pydal_compat import PyDALField

_TEXT_TYPES: Final = ("string", "text", "password", "upload", "json", "jsonb")


class PostgreSQLDialect(SafeDialect):
    """Standard SQL with PostgreSQL's booleans, patterns and JSON operators."""

    true_exp = "TRUE"
    false_exp = "FALSE"

    def __init__(self, adapter: Any) -> None:
        super().__init__(adapter)
        self.types.update(
            {
                "boolean": "BOOLEAN",
                "blob": "BYTEA",
                "bigint": "BIGINT",
                "double": "FLOAT8",
                "json": "JSONB",
                "jsonb": "JSONB",
                "uuid": "UUID",
                "datetime": "TIMESTAMPTZ",
            }
        )

    @property
    def random(self) -> str:
        """The function that orders at random."""
        return "RANDOM()"

    def like(
        self, first: Any, second: Any, escape: str | None = None, query_env: Env | None = None
    ) -> str:
        """Render LIKE; other types than text are cast first."""
        return super().like(self._as_text(first), second, escape, query_env)

    def ilike(
        self, first: Any, second: Any, escape: str | None = None, query_env: Env | None = None
    ) -> str:
        """Render LIKE without regard to case; other types than text are cast first."""
        return super().ilike(self._as_text(first), second, escape, query_env)

    @staticmethod
    def _as_text(first: Any) -> Any:
        is_field = isinstance(first, PyDALField)
        return first.cast("text") if is_field and first.type not in _TEXT_TYPES else first

    def lower(self, val: Any, query_env: Env | None = None) -> str:
        """Fold all letters; the columns' collation C folds ASCII only."""
        return f"LOWER({self.expand(val, query_env=query_env or {})}{self.adapter.folding})"

    def upper(self, first: Any, query_env: Env | None = None) -> str:
        """Fold all letters."""
        return f"UPPER({self.expand(first, query_env=query_env or {})}{self.adapter.folding})"

    def typed(self, value: Any, field_type: str | None) -> str:
        """Cast what would be taken for text."""
        rendered = super().typed(value, field_type)
        words = {"date": "DATE", "time": "TIME", "uuid": "UUID"}
        return f"CAST({rendered} AS {words[field_type]})" if field_type in words else rendered

    def as_double(self, number: str) -> str:
        """Make a double of a number."""
        return f"CAST({number} AS FLOAT8)"

    def extract(self, first: Any, what: str, query_env: Env | None = None) -> str:
        """Take a part of an instant as a whole number."""
        part = super().extract(first, what, query_env or {})
        return f"CAST(FLOOR({part}) AS BIGINT)"

    def regexp(
        self,
        first: Any,
        second: Any,
        match_parameter: Any = None,  # noqa: ARG002 - PyDAL's signature
        query_env: Env | None = None,
    ) -> str:
        """Render a match with a regular expression."""
        env = query_env or {}
        pattern = self.expand(second, "string", query_env=env)
        return f"({self.expand(first, query_env=env)} ~ {pattern})"

    def json_contains_text(self, document: str, wanted: str) -> str:
        """Use ``@>``."""
        return f"({document} @> {self.adapter.adapt(wanted)}::jsonb)"

    def json_text(
        self, first: Any, path: tuple[str | int, ...], query_env: Env | None = None
    ) -> str:
        """Go down step by step: ``#>>`` would take ``"0"`` for a position too."""
        found = self.expand(first, query_env=query_env or {})
        for step in path[:-1]:
            found = self._step(found, "->", step)
        return self._step(found, "->>", path[-1])

    def _step(self, found: str, arrow: str, step: str | int) -> str:
        if isinstance(step, str):
            return f"({found} {arrow} {self.adapter.adapt(step)}::text)"
        # A scalar would give itself at position 0.
        return f"(CASE jsonb_typeof({found}) WHEN 'array' THEN {found} {arrow} {step} END)"

    def json_merge(self, first: Any, patch: dict[str, Any], query_env: Env | None = None) -> str:
        """Spell RFC 7396 out for this patch; PostgreSQL has no function for it."""
        return self._merged(self.expand(first, query_env=query_env or {}), patch)

    def _merged(self, document: str, patch: dict[str, Any]) -> str:
        adapt = self.adapter.adapt
        removed = [key for key, value in patch.items() if value is None]
        merged = (
            f"(CASE WHEN jsonb_typeof({document}) = 'object' THEN {document} "
            "ELSE '{}'::jsonb END)"
        )
        if removed:
            keys = ",".join(adapt(text_of(key)) for key in removed)
            merged = f"({merged} - ARRAY[{keys}]::text[])"
        for key, value in patch.items():
            if value is None:
                continue
            name = adapt(text_of(key))
            if isinstance(value, dict):
                inner = self._merged(f"({document} -> {name})", value)
            else:
                inner = f"{adapt(encode_json(value))}::jsonb"
            merged = f"({merged} || jsonb_build_object({name}, {inner}))"
        return merged
