"""`bilayer fix`: what the drift check found in the PyDAL side, mended in its source."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bilayer.drift.config import ConfigurationError, Project
from bilayer.drift.definitions.editing import CannotEdit, Edit, add_tables, edit_source, names_in
from bilayer.drift.definitions.files import read_source
from bilayer.drift.definitions.naming import Names, without_quotes, write_name
from bilayer.drift.findings import Finding
from bilayer.drift.project import check_project
from bilayer.drift.readers import pydal as runtime_reader
from bilayer.drift.readers.definitions import define, is_definition
from bilayer.drift.schemas import split_name
from bilayer.drift.snapshot import RuntimeTable
from bilayer.urls import engine_name

_NEW_TABLE = "db.define_table("
_NAMING = frozenset({"BL111", "BL119", "BL201", "BL202", "BL203"})


@dataclasses.dataclass(frozen=True, slots=True)
class Mended:
    """What would be changed.

    Attributes:
        before: The text of each file that changes.
        after: The same, mended.
        left: What cannot be mended there, each with the reason.
    """

    before: dict[Path, str]
    after: dict[Path, str]
    left: tuple[str, ...]


def mend_project(project: Project, *, dialect: str | None = None) -> Mended:
    """Mend the definitions of a project, in memory.

    Args:
        project: ``[tool.bilayer]``, with models and runtime.
        dialect: The engine to judge by; all of the project's if None.

    Raises:
        BilayerError: There is nothing to compare, or something cannot be read.
    """
    without_migrations = dataclasses.replace(project, migrations=None)
    if not (project.models and project.runtime):
        message = "[tool.bilayer] needs models and runtime: PyDAL's side is mended by the models"
        raise ConfigurationError(message)
    report = check_project(without_migrations, dialects=[dialect] if dialect else ())
    if report.failures:
        raise ConfigurationError(str(report.failures[0]))
    runtime = project.load_runtime()
    engine = engine_name(dialect or project.dialects[0])
    dal = define(runtime)[0] if is_definition(runtime) else runtime
    tables = runtime_reader.read_runtime(dal, engine).by_table()
    sources = _sources(_home_of(runtime), dal, project.root, report.findings)
    worth = [_in_code(each, tables) for each in report.findings if each.severity != "info"]
    left: list[str] = []
    serving = [served for each in worth if (served := _serve_all(each, report.engines, left))]
    mended = _mend(serving, sources, runtime, project)
    return dataclasses.replace(mended, left=(*left, *mended.left))


def _in_code(finding: Finding, tables: Mapping[str, RuntimeTable]) -> Finding:
    """Name a table and column as PyDAL code does, which may differ from the database by rname."""
    names = Names.of(tables, finding.table)
    field = names.field(finding.column or "")
    return dataclasses.replace(
        finding,
        table=names.defined.name if names.defined else finding.table,
        column=field.name if field else finding.column,
    )


def _serve_all(finding: Finding, engines: Sequence[str], left: list[str]) -> Finding | None:
    """Let a fix serve all engines; no rname in quotes does."""
    fix, name = without_quotes(finding.fix or "", engines)
    if name is None:
        return finding
    if fix.startswith("Field(") and finding.code not in _NAMING:
        return dataclasses.replace(finding, fix=fix)  # It keeps the rname it has.
    is_taken = write_name(split_name(name)[1]) == name
    advice = (
        f"call it {name} in PyDAL too, without rname" if is_taken else "rename it in the database"
    )
    where = f"{finding.code} {finding.place}"
    left.append(f"{where}: no rname serves both PostgreSQL and MariaDB; {advice}")
    return None


def _mend(
    findings: Sequence[Finding], sources: dict[Path, str], runtime: Any, project: Project
) -> Mended:
    homes = {name: path for path, text in sources.items() for name in names_in(text)}
    after, left, added = dict(sources), [], []
    by_home: dict[Path, list[Finding]] = {}
    for finding in _in_order(findings):
        home = homes.get(finding.table or "")
        if finding.fix is None or finding.pair not in ("models-runtime", "setup"):
            left.append(f"{finding.code} {finding.place}: {finding.message}")
        elif finding.fix.startswith(_NEW_TABLE):
            added.append(finding.fix)
        elif home is None:
            reason = f"no define_table call names {finding.table}"
            left.append(f"{finding.code} {finding.place}: {reason}")
        else:
            by_home.setdefault(home, []).append(finding)
    for home, several in by_home.items():
        after[home] = _edit(after[home], several, left)
    if added:
        _add(added, after, left, runtime, project)
    changed = [path for path, text in sources.items() if after[path] != text]
    return Mended({p: sources[p] for p in changed}, {p: after[p] for p in changed}, tuple(left))


def _edit(source: str, findings: Sequence[Finding], left: list[str]) -> str:
    """Mend all at once, which reads a file once; by halves, to find what cannot be mended."""
    edits = [
        Edit(each.table or "", each.column, each.fix or "", keeps_default=not _is_of_default(each))
        for each in findings
    ]
    try:
        return edit_source(source, edits)
    except CannotEdit as error:
        if len(findings) == 1:
            left.append(f"{findings[0].code} {findings[0].place}: {error}")
            return source
    half = len(findings) // 2
    return _edit(_edit(source, findings[:half], left), findings[half:], left)


def _is_of_default(finding: Finding) -> bool:
    return finding.code == "BL210" or (finding.right or "").startswith("default=")


def _in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Put what is taken away first, so that a field that moves is not in its own way."""
    return sorted(findings, key=lambda each: not (each.fix or "").startswith("- "))


def _add(
    definitions: Sequence[str],
    after: dict[Path, str],
    left: list[str],
    runtime: Any,
    project: Project,
) -> None:
    """Let the function that defines the tables define more."""
    library = "bilayer.runtime" if project.runtime_adapter == "native" else "pydal"
    reason = "runtime is no function that could define more tables"
    home = _home_of(runtime)
    if home in after:
        try:
            after[home] = add_tables(after[home], runtime.__name__, definitions, library)
        except CannotEdit as error:
            reason = str(error)
        else:
            return
    left += [f"{text.splitlines()[1].strip().rstrip(',')}: {reason}" for text in definitions]


def _home_of(runtime: Any) -> Path | None:
    """Find the file of a plain function: of anything callable it is not known what to change."""
    source = inspect.getsourcefile(runtime) if inspect.isfunction(runtime) else None
    return Path(source).resolve() if source else None


def _sources(
    home: Path | None, dal: Any, root: Path, findings: Iterable[Finding]
) -> dict[Path, str]:
    """Read the files in which tables may be defined."""
    places = getattr(dal, "_bilayer_places", {}).values()
    paths = {root / (each.location or "").rpartition(":")[0] for each in findings if each.location}
    paths |= {Path(place.path) for place in places} | ({home} if home else set())
    files = sorted({path.resolve() for path in paths if path.suffix == ".py" and path.is_file()})
    return {path: read_source(path) for path in files}
