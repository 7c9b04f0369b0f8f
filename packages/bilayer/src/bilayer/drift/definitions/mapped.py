"""Which class stands for which table, asked of the loaded classes.

A source does not always say it: Flask-SQLAlchemy makes the table's name of the class's, and a
column may stand in a mixin. Reads no files.
"""

from __future__ import annotations

import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType

import sqlalchemy as sa

ClassTables = Mapping[tuple[str, str], tuple[str, ...]]
"""Tables by the file and the name of a class."""


def list_modules() -> Iterator[ModuleType]:
    """List the loaded modules that come from files outside the library folders."""
    libraries = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and not file.startswith(libraries):
            yield module


def find_tables(modules: Iterable[ModuleType]) -> tuple[ClassTables, ClassTables]:
    """Map the classes of modules to the tables they stand for, and those they lend columns to.

    Returns:
        The mapped classes, and the classes mapped ones inherit from.
    """
    own: dict[tuple[str, str], tuple[str, ...]] = {}
    lent: dict[tuple[str, str], tuple[str, ...]] = {}
    for class_ in _list_classes(modules):
        table = class_.__dict__.get("__table__")
        if not isinstance(table, sa.Table):
            continue
        own[_key(class_)] = (table.fullname,)
        for base in class_.__mro__[1:]:
            known = lent.get(_key(base), ())
            lent[_key(base)] = (*known, table.fullname)
    return own, lent


def _list_classes(modules: Iterable[ModuleType]) -> Iterator[type]:
    for module in modules:
        for value in list(vars(module).values()):
            # isinstance would ask the class of a proxy, and Flask's are not to be asked here.
            if issubclass(type(value), type) and value.__module__ == module.__name__:
                yield value


def _key(class_: type) -> tuple[str, str]:
    module = sys.modules.get(class_.__module__)
    return (str(getattr(module, "__file__", "")), class_.__name__)
