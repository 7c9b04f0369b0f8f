"""PostgreSQL through psycopg2."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import psycopg2.extensions
import psycopg2.extras

from bilayer.runtime.adapters.base import NativeAdapter
from bilayer.runtime.adapters.dialect import SafeDialect
from bilayer.runtime.adapters.parts import Env
from bilayer.runtime.adapters.values import COMMON_CODECS
from bilayer.runtime.codecs import (
    Codec,
    decode_instant,
    encode_bytes,
    encode_date,
    encode_double,
    encode_instant,
    encode_json,
    encode_time,
    exact_decimal,
    list_of,
    parse_uuid,
)
from bilayer.runtime.codecs import encode_text as text_of
from bilayer.runtime.codecs import integer as integer_of
from bilayer.runtime.engines.postgresql import refusal, translate
from bilayer.runtime.errors import (
    DatabaseError,
    TransactionAborted,
)
from bilayer.runtime.pydal_compat import PyDALField, dialects

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


class PostgreSQLAdapter(NativeAdapter):
    """The adapter of PostgreSQL."""

    dbengine = "postgres"
    drivers = ("psycopg2",)
    returning = True
    returns_updates = True
    codecs: ClassVar[Mapping[str, Codec]] = {
        **COMMON_CODECS,
        "json": Codec(encode_json),
        "jsonb": Codec(encode_json),
        "list:string": Codec(list_of(text_of)),
        "list:integer": Codec(list_of(integer_of(64))),
        "list:reference": Codec(list_of(integer_of(64))),
        "double": Codec(encode_double),
        "float": Codec(encode_double),
        "date": Codec(encode_date),
        "time": Codec(encode_time),
        "datetime": Codec(encode_instant, decode_instant, encode_instant),
        "blob": Codec(encode_bytes, bytes),
        "uuid": Codec(lambda value: str(parse_uuid(value)), canonical=parse_uuid),
    }

    def _initialize_(self) -> None:
        super()._initialize_()
        self._folding: str | None = None

    def make_decimal_codec(self, precision: int, scale: int) -> Codec:
        """Use NUMERIC as it is."""
        return Codec(exact_decimal(precision, scale))

    @property
    def folding(self) -> str:
        """The collation that knows all letters' cases, where the server was built with ICU."""
        if self._folding is None:
            found = self.rows("SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'")
            self._folding = ' COLLATE "und-x-icu"' if found else ""
        return self._folding

    def cut(self, connection: Any) -> None:
        """Close the socket under libpq, which then reports a closed connection."""
        with contextlib.suppress(OSError, psycopg2.Error):
            peer = socket.socket(fileno=os.dup(connection.fileno()))
            with peer:
                peer.shutdown(socket.SHUT_RDWR)

    def begin(self, isolation: str | None, readonly: bool) -> None:  # noqa: FBT001
        """Begin together with the first statement, in one round trip."""
        session = self._ready()
        level = f" ISOLATION LEVEL {isolation}" if isolation else ""
        session.opening = f"BEGIN{level}{' READ ONLY' if readonly else ''}"

    def commit_transaction(self) -> None:
        """Commit.

        Raises:
            TransactionAborted: PostgreSQL rolled back instead, which it reports as success.
        """
        if self.session.opening is not None:
            return  # nothing was sent
        super().commit_transaction()
        if self.session.cursor.statusmessage == "ROLLBACK":
            raise TransactionAborted("the transaction had failed; PostgreSQL rolled it back")

    def rollback_transaction(self) -> None:
        """Roll back what was begun."""
        if self.session.opening is None:
            super().rollback_transaction()

    def refusal(self, caught: BaseException) -> DatabaseError | None:
        """Map a refused connection."""
        return refusal(caught)

    def translate(self, caught: Exception, connection: Any) -> DatabaseError:
        """Map the driver's errors."""
        return translate(caught, connection)


dialects.register_for(PostgreSQLAdapter)(PostgreSQLDialect)
