"""Records what revisions do while they run. For the child process that replays migrations."""

from __future__ import annotations

import ast
import contextlib
import io
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import util
from alembic.config import Config
from alembic.operations import Operations
from alembic.operations.base import AbstractOperations
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from bilayer.drift.lint.describe import describe
from bilayer.drift.lint.raw_sql import Told, read_sql


class Recorder:
    """Collects steps while it is ``installed``.

    Args:
        paths: The files of the revisions, by their ids.
    """

    def __init__(self, paths: dict[str, str]) -> None:
        self._ids = {str(Path(path).resolve()): revision for revision, path in paths.items()}
        self.steps: list[dict[str, Any]] = []
        self._autocommits = 0
        self._depth = 0

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Watch every operation of this process, and what is executed beside them."""
        invoke, block = AbstractOperations.invoke, MigrationContext.autocommit_block

        def watched(operations: Any, operation: Any) -> Any:
            self._note(lambda: describe(operation, operations.get_context().dialect))
            self._depth += 1
            try:
                return invoke(operations, operation)
            finally:
                self._depth -= 1

        @contextlib.contextmanager
        def counted(context: MigrationContext) -> Iterator[None]:
            self._autocommits += 1
            try:
                with block(context):
                    yield
            finally:
                self._autocommits -= 1

        def heard(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if not _is_alembics():
                self._note(lambda: read_sql(statement))

        sa.event.listen(sa.Engine, "before_cursor_execute", heard)
        AbstractOperations.invoke = watched  # type: ignore[assignment,method-assign]  # for this process only
        MigrationContext.autocommit_block = counted  # type: ignore[assignment,method-assign]  # likewise
        try:
            yield
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", heard)
            AbstractOperations.invoke = invoke  # type: ignore[method-assign]  # as it was
            MigrationContext.autocommit_block = block  # type: ignore[method-assign]  # likewise

    def _note(self, tell: Callable[[], Iterator[Told]]) -> None:
        place = self._place()
        if self._depth or place is None:  # What an operation does itself is part of it.
            return
        path, line = place
        for kind, table, facts in tell():
            self.steps.append(
                {
                    "revision": self._ids[path],
                    "path": path,
                    "line": line,
                    "kind": kind,
                    "table": table,
                    "facts": facts,
                    "is_autocommitted": bool(self._autocommits),
                }
            )

    def _place(self) -> tuple[str, int] | None:
        """Find the line of a revision that is being run."""
        for frame, line in traceback.walk_stack(None):
            path = str(Path(frame.f_code.co_filename).resolve())
            if path in self._ids:
                return path, line
        return None


def _is_alembics() -> bool:
    """Tell whether the innermost caller beside SQLAlchemy is Alembic, and no revision."""
    names = (frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_stack(None))
    callers = (
        name for name in names if not name.startswith(("sqlalchemy.", __name__, "traceback"))
    )
    return next(callers, "").startswith("alembic.")


def record_offline(
    config: Config, script: ScriptDirectory, dialect: str, recorder: Recorder
) -> dict[str, str]:
    """Ask each revision for its statements, oldest first, without any database.

    Returns:
        Why it could not be told what some revisions do, by their ids: they read the database.
    """
    unread: dict[str, str] = {}
    revisions = [each for each in script.walk_revisions() if each.revision]
    with recorder.installed(), EnvironmentContext(config, script, as_sql=True) as environment:
        environment.configure(dialect_name=dialect, output_buffer=io.StringIO(), literal_binds=True)
        for revision in reversed(revisions):
            before = len(recorder.steps)
            try:
                with Operations.context(environment.get_context()):
                    revision.module.upgrade()
            except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything
                unread[revision.revision] = _summary(error)
                del recorder.steps[before:]
    return unread


def read_downgrades(revisions: Sequence[dict[str, Any]]) -> dict[str, tuple[int, bool]]:
    """Tell of each revision where its downgrade stands, and whether it does anything."""
    return {each["revision"]: _read_downgrade(Path(each["path"])) for each in revisions}


def _read_downgrade(path: Path) -> tuple[int, bool]:
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return 1, True  # That it cannot be read is said elsewhere.
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "downgrade":
            return node.lineno, any(_does_something(each) for each in node.body)
    return 1, False


def _does_something(node: ast.stmt) -> bool:
    is_constant = isinstance(node, ast.Expr | ast.Return) and isinstance(
        node.value, ast.Constant | None
    )
    return not (is_constant or isinstance(node, ast.Pass | ast.Raise))


def _summary(error: BaseException) -> str:
    if isinstance(error, util.CommandError | sa.exc.SQLAlchemyError):
        return str(error).splitlines()[0]
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} (line {frame.lineno} of {Path(frame.filename).name})"
