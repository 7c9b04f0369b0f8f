"""``[tool.bilayer]`` of a project's ``pyproject.toml``: what `bilayer check` compares by default.

Reads a file and imports what it names. Reads no environment.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config

from bilayer.drift.foreign import running
from bilayer.drift.readers.migrations import load_config
from bilayer.drift.remedies import explain_import
from bilayer.errors import BilayerError


class ConfigurationError(BilayerError):
    """``[tool.bilayer]`` is missing, has an unknown key, or names something that is not there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Project:
    """``[tool.bilayer]``, checked.

    Attributes:
        root: The folder of ``pyproject.toml``; the paths below are relative to it.
        models: ``module:attribute`` of a ``MetaData`` (or a list or dict of them), or several.
        runtime: ``module:attribute`` of a function ``define(db)`` or of a DAL.
        runtime_adapter: ``native``, or a stock adapter's name.
        migrations: ``alembic.ini``, or a ``pyproject.toml`` with ``[tool.alembic]``.
        dialects: The engines to check on.
        ignore: Names not to report; see ``check``.
        pythonpath: Folders from which the two modules and ``env.py`` import.
        lint_after: The revision behind which `bilayer lint` judges: those before have run.
    """

    root: Path
    models: tuple[str, ...] = ()
    runtime: str | None = None
    runtime_adapter: str | None = None
    migrations: str | None = None
    dialects: tuple[str, ...] = ("sqlite",)
    ignore: tuple[str, ...] = ()
    pythonpath: tuple[str, ...] = ()
    lint_after: str | None = None

    def load_metadata(self) -> list[sa.MetaData]:
        """Import the models."""
        found: list[sa.MetaData] = []
        for name in self.models:
            value = self._import("models", name)
            value = getattr(value, "metadata", value)
            if isinstance(value, Mapping):  # Flask-SQLAlchemy's, by bind
                value = list(value.values())
            several = list(value) if isinstance(value, list | tuple) else [value]
            if not all(isinstance(each, sa.MetaData) for each in several):
                message = (
                    f"{name} is no MetaData, nothing that has one (a db, a declarative Base), and"
                    " no list or dict of MetaData"
                )
                raise ConfigurationError(message)
            found += several
        return found

    def load_runtime(self) -> Any:  # Any: a DAL or a function, neither of which has types
        """Import the DAL, or the function that defines its tables."""
        return self._import("runtime", self.runtime) if self.runtime else None

    def load_migrations(self) -> Config | None:
        """Load Alembic's configuration."""
        if self.migrations is None:
            return None
        path = self.root / self.migrations
        if not path.is_file():
            message = f"[tool.bilayer] migrations: there is no {self.migrations}"
            raise ConfigurationError(message)
        self._open_folders()  # env.py is run with this process's path.
        return load_config(path)

    def _import(self, key: str, name: str) -> Any:
        """Import ``module:attribute``; what it prints is no part of a report."""
        self._open_folders()
        module, _, attribute = name.partition(":")
        try:
            with running(f"the import of {module}"):
                value = importlib.import_module(module)
            for part in attribute.split("."):
                value = getattr(value, part)
        except (Exception, SystemExit) as error:
            raise ConfigurationError(explain_import(name, error, key)) from error
        return value

    def _open_folders(self) -> None:
        for folder in reversed(self.pythonpath):
            path = str((self.root / folder).resolve())
            if path not in sys.path:
                sys.path.insert(0, path)


def find_project(start: Path) -> Project:
    """Find the nearest ``pyproject.toml`` with ``[tool.bilayer]``, in a folder or above it.

    Raises:
        ConfigurationError: There is none, or it holds something it should not.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            table = _read_table(path)
            if table is not None:
                return _make_project(folder, table)
    message = f"no pyproject.toml with a [tool.bilayer] table in {start} or above"
    raise ConfigurationError(message)


def _read_table(path: Path) -> dict[str, Any] | None:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise ConfigurationError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{path} is no TOML: {error}"
        raise ConfigurationError(message) from error
    tools = document.get("tool")
    table = tools.get("bilayer") if isinstance(tools, dict) else None
    if table is None or isinstance(table, dict):
        return table
    message = f"{path}: [tool.bilayer] must be a table; it is {table!r}"
    raise ConfigurationError(message)


def _make_project(root: Path, table: dict[str, Any]) -> Project:
    known = {field.name for field in dataclasses.fields(Project)} - {"root"}
    unknown = sorted(table.keys() - known)
    if unknown:
        names = ", ".join(_with_nearest(key, known) for key in unknown)
        message = f"[tool.bilayer] has unknown keys: {names}. It knows {', '.join(sorted(known))}."
        raise ConfigurationError(message)
    values: dict[str, Any] = {
        key: _as_names(key, value)
        if key in ("models", "dialects", "ignore", "pythonpath")
        else _as_name(key, value)
        for key, value in table.items()
    }
    return Project(root=root, **values)


def _with_nearest(key: str, known: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(key, known, 1)
    return f"{key} (did you mean {nearest[0]}?)" if nearest else key


def _as_name(key: str, value: object) -> str:
    if isinstance(value, str):
        return value
    message = f"[tool.bilayer] {key} must be text; it is {value!r}"
    raise ConfigurationError(message)


def _as_names(key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    message = f"[tool.bilayer] {key} must be text, or a list of texts; it is {value!r}"
    raise ConfigurationError(message)
