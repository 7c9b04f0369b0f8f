"""PyDAL's fields, without what changes values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from bilayer.runtime.errors import InvalidValue, UnsupportedDefinition
from bilayer.runtime.pydal_compat import PyDALField, Query, Select

_FIXED: Final = frozenset({"type", "length", "is_bounded", "_rname"})
"""What a column is; statements and codecs are made of it once."""


class Field(PyDALField):  # type: ignore[misc] # PyDAL's classes are untyped
    """A PyDAL field without PyDAL's silent conversions.

    Validators are off unless given (``requires``), and dates and times pass as they are: PyDAL's
    default filter would cut a datetime to whole seconds without its zone.
    """

    def __init__(
        self,
        fieldname: str,
        type: str = "string",  # noqa: A002 - PyDAL's name
        length: int | None = None,
        **options: Any,
    ) -> None:
        options.setdefault("requires", None)
        super().__init__(fieldname, type, length, **options)
        self.is_bounded = length is not None

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse to make another column of one that a table has; PyDAL changes its own copies.

        Raises:
            UnsupportedDefinition: It would not be the column any more that is written already.
        """
        if name in _FIXED and vars(self).get(name) not in (None, value):
            table = self._table
            if table is not None and vars(table).get(self.name) is self:
                raise UnsupportedDefinition(
                    f"{self}.{name} is fixed: define the table again with redefine=True"
                )
        super().__setattr__(name, value)

    def set_attributes(self, *attributes: Any, **named: Any) -> Field:
        """Set several attributes, each as by itself; returns the field."""
        for name, value in dict(*attributes, **named).items():
            setattr(self, name, value)
        return self

    def belongs(self, *value: Any, **options: Any) -> Query:
        """Make the query ``IN``; unlike PyDAL's it does not sort, so that any type will do."""
        values = value[0] if len(value) == 1 else value
        if isinstance(values, Query):
            key = values.first._table._id
            values = self.db(values).nested_select(key, correlated=False)
        if isinstance(values, Select):
            return Query(self.db, self._dialect.belongs, self, values)
        if isinstance(values, str | bytes) or not isinstance(values, Iterable):
            raise InvalidValue("belongs() takes several values")
        given = list(values)
        if not options.get("null"):
            return Query(self.db, self._dialect.belongs, self, given)
        wanted = [item for item in given if item is not None]
        found = Query(self.db, self._dialect.belongs, self, wanted)
        return found if len(wanted) == len(given) else (self == None) | found  # noqa: E711 - SQL
