"""The part of an adapter that turns values into SQL and rows into values.

PyDAL's representers and parsers are not used: ``represent`` is the one place every value passes on
its way out, and a reading plan made once per list of fields the one place on its way in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final

from bilayer.runtime import tokens
from bilayer.runtime.adapters.operands import (
    INTEGERS,
    check_length,
    family,
    limit_of,
    operand_type,
)
from bilayer.runtime.adapters.parts import Param, ReadingPlan, SQLText
from bilayer.runtime.adapters.running import RunningStatements
from bilayer.runtime.codecs import (
    Codec,
    decode_integer,
    decode_json,
    encode_boolean,
    encode_json,
    encode_text,
    integer,
    list_codec,
    read_json,
)
from bilayer.runtime.errors import InvalidValue, RawSQLRefused, UnsupportedDefinition
from bilayer.runtime.pydal_compat import Expression, PyDALField, Query

TEXT: Final = Codec(encode_text)
COMMON_CODECS: Final[Mapping[str, Codec]] = {
    "string": TEXT,
    "text": TEXT,
    "password": TEXT,
    "upload": TEXT,
    "boolean": Codec(encode_boolean, bool),
    "integer": Codec(integer(32), decode_integer),
    "bigint": Codec(integer(64), decode_integer),
    "id": Codec(integer(64), decode_integer),
    "list:string": list_codec(encode_text, decode_json),
    "list:integer": list_codec(integer(64), decode_json),
    "list:reference": list_codec(integer(64), decode_json),
    "json": Codec(encode_json, decode_json, read_json),
    "jsonb": Codec(encode_json, decode_json, read_json),
}
_DECIMAL: Final = re.compile(r"decimal\((\d+), ?(\d+)\)")
_REFERENCE: Final = re.compile(r"reference (\w+)(?:\.(\w+))?")


class TypedValues(RunningStatements):
    """Strict encoding and decoding by the type of each field."""

    codecs: ClassVar[Mapping[str, Codec]]

    def _initialize_(self) -> None:
        super()._initialize_()
        self._codec_cache: dict[str, Codec] = {}

    def make_decimal_codec(self, precision: int, scale: int) -> Codec:
        """Make the codec of ``decimal(precision,scale)`` on this engine."""
        raise NotImplementedError

    def codec(self, field_type: str) -> Codec:
        """Give the codec of a PyDAL type such as ``decimal(12,2)`` or ``reference users``.

        Raises:
            UnsupportedDefinition: The type is not known.
        """
        try:
            return self._codec_cache[field_type]
        except (KeyError, TypeError):
            codec = self._find_codec(field_type)
            self._codec_cache[field_type] = codec
            return codec

    def _find_codec(self, field_type: str) -> Codec:
        if not isinstance(field_type, str):
            raise UnsupportedDefinition(
                "custom types are not supported: their encoders write raw SQL"
            )
        if field_type in self.codecs:
            return self.codecs[field_type]
        if match := _DECIMAL.fullmatch(field_type):
            precision, scale = int(match[1]), int(match[2])
            if precision >= 1 and scale <= precision:
                return self.make_decimal_codec(precision, scale)
        if match := _REFERENCE.fullmatch(field_type):
            table = self.db[match[1]]
            return self.codec((table[match[2]] if match[2] else table._id).type)
        raise UnsupportedDefinition(f"unknown type {field_type!r}")

    def tables(self, *queries: Any) -> dict[str, Any]:
        """List the tables of queries and expressions; in a loop, for chains may be long.

        Raises:
            ValueError: Two tables have one name.
        """
        found: dict[str, Any] = {}
        pending = list(reversed(queries))
        while pending:
            item = pending.pop()
            if isinstance(item, PyDALField):
                if found.setdefault(item.tablename, item.table) is not item.table:
                    raise ValueError(f"two tables are called {item.tablename}")
            elif isinstance(item, Expression | Query):
                pending += [part for part in (item.second, item.first) if part is not None]
        return found

    # -- out

    def represent(self, obj: Any, field_type: str) -> str:
        """Give the SQL of one value: NULL, an expression, or a token that will be bound.

        Raises:
            InvalidValue: The value does not fit the type.
        """
        if obj is None:
            return "NULL"
        if isinstance(obj, Expression | Query):
            return str(self.expand(obj, field_type))
        if isinstance(obj, Param):
            return tokens.write_named(obj.name, field_type, 0)
        return tokens.write(self.codec(field_type).encode(obj))

    def _expand(
        self,
        expression: Any,
        field_type: str | None = None,
        colnames: bool = False,  # noqa: FBT001, FBT002 - PyDAL's signature
        query_env: dict[str, Any] | None = None,
    ) -> SQLText:
        """Render a part of a statement; raw text is refused, PyDAL would paste it."""
        if field_type is None and isinstance(expression, str) and type(expression) is not SQLText:
            raise RawSQLRefused("text cannot stand here: PyDAL would paste it into the SQL")
        operator = getattr(expression, "op", None)
        if isinstance(operator, str) and type(operator) is not SQLText:
            raise RawSQLRefused("text is no expression: PyDAL would paste it into the SQL")
        return SQLText(super()._expand(expression, field_type, colnames, query_env or {}))

    def placed(self, field: Any, value: Any, query_env: dict[str, Any] | None = None) -> str:
        """Render a value for a column; an invalid one is reported with table and column.

        Raises:
            InvalidValue: The value does not fit the column.
        """
        try:
            if isinstance(value, Expression | Query):
                self.check_family(field.type, value)
                return self.assigned(
                    field, self.expand(value, field.type, query_env=query_env or {})
                )
            if isinstance(value, Param):
                return tokens.write_named(value.name, field.type, limit_of(field))
            return "NULL" if value is None else tokens.write(self.encoded(field, value))
        except InvalidValue as error:
            failure = error.at(field.tablename, field.name)
        raise failure

    def encoded(self, field: Any, value: Any) -> Any:
        """Give the driver's parameter for a column's value; None stays None.

        Raises:
            InvalidValue: The value does not fit the column.
        """
        if value is None:
            return None
        try:
            check_length(field.type, limit_of(field), value)
            return self.codec(field.type).encode(value)
        except InvalidValue as error:
            failure = error.at(field.tablename, field.name)
        raise failure

    def assigned(self, field: Any, expression: str) -> str:  # noqa: ARG002 - for engines that check
        """Render an expression that is stored in a column."""
        return expression

    def check_family(self, field_type: Any, expression: Any) -> None:
        """Refuse to mix text, numbers and so on: SQLite and MariaDB would convert silently.

        Raises:
            InvalidValue: The expression is of another family of types.
        """
        wanted = self.family_of(field_type)
        given = self.family_of(operand_type(expression))
        if wanted and given and wanted != given:
            raise InvalidValue(f"an expression of {given} stands where {wanted} is needed")

    def family_of(self, field_type: Any) -> str | None:
        """Give the family of a type, that of the key where it is a reference."""
        if isinstance(field_type, str) and (match := _REFERENCE.fullmatch(field_type)):
            table = self.db[match[1]]
            field_type = (table[match[2]] if match[2] else table._id).type
        return family(field_type)

    # -- in

    def parse_value(
        self,
        value: Any,
        field_itype: str | None,  # noqa: ARG002 - PyDAL's signature
        field_type: str | None,
        blob_decode: bool = True,  # noqa: ARG002, FBT001, FBT002
    ) -> Any:
        """Decode one value of a PyDAL row."""
        if value is None or field_type is None:
            return value
        decode = self.codec(field_type).decode
        return value if decode is None else decode(value)

    def reading_plan(self, fields: Sequence[Any]) -> ReadingPlan:
        """Make the plan that reads rows of these fields as dicts.

        Raises:
            UnsupportedDefinition: Two columns would have the same key, or an expression none.
        """
        names: list[str] = []
        decoders: list[tuple[str, Callable[[Any], Any]]] = []
        for field in fields:
            name = self._key_of(field)
            if name in names:
                raise UnsupportedDefinition(
                    f"two columns are called {name!r}; name one by with_alias()"
                )
            names.append(name)
            field_type = operand_type(field)
            decode = self.codec(field_type).decode if field_type else None
            plain = isinstance(field, PyDALField) and field.type in INTEGERS
            if decode is not None and not plain:
                decoders.append((name, decode))
        return ReadingPlan(tuple(names), tuple(decoders))

    def _key_of(self, field: Any) -> str:
        if isinstance(field, PyDALField):
            return str(field.name)
        if isinstance(field, Expression) and field.op == self.dialect._as:
            return str(field.second)
        raise UnsupportedDefinition("an expression needs a name: use with_alias()")
