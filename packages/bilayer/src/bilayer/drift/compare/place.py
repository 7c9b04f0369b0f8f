"""Where a comparison of a schema with PyDAL stands, so that each difference is one short call."""

from __future__ import annotations

import dataclasses
from typing import Any

from bilayer.drift.findings import Difference, Pair
from bilayer.drift.kinds import Severity
from bilayer.drift.snapshot import Runtime, RuntimeTable, Schema


@dataclasses.dataclass(frozen=True, slots=True)
class RuntimePlace:
    """One table on both sides."""

    pair: Pair
    sides: tuple[str, str]
    schema: Schema
    runtime: Runtime
    table: str
    defined: RuntimeTable

    @property
    def engine(self) -> str:
        """The engine the schema is judged on."""
        return self.schema.engine

    @property
    def is_native(self) -> bool:
        """Values travel through bilayer's own adapters."""
        return self.runtime.adapter == "native"

    def name(self, column: str) -> str:
        """Name a column of this table."""
        return f"{self.table}.{column}"

    def differ(  # noqa: PLR0917 - a call reads as a row: code, severity, message, sides
        self,
        code: str,
        severity: Severity,
        message: str,
        column: str | None,
        schema_text: str | None,
        runtime_text: str | None,
        item: Any = None,
    ) -> Difference:
        """Make a difference, with the texts on the sides the pair's name gives them."""
        texts = (schema_text, runtime_text)
        left, right = texts if self.pair == "models-runtime" else texts[::-1]
        return Difference(code, severity, self.pair, message, self.table, column, left, right, item)
