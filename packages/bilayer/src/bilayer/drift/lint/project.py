"""The revisions of a configured project, judged on each of its engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from bilayer.drift.config import ConfigurationError, Project
from bilayer.drift.declared import declares, read_lines
from bilayer.drift.findings import CATALOGUE, Finding
from bilayer.drift.lint import common, mysql, postgresql, sqlite
from bilayer.drift.lint.reading import Recording, record
from bilayer.drift.lint.steps import Recorded, Step
from bilayer.drift.lint.verdicts import Verdict
from bilayer.drift.report.model import Failure, Report
from bilayer.drift.scratch.databases import scratch_databases
from bilayer.urls import EngineName, by_engine, engine_name

Judge = Callable[[Recorded], Iterator[Verdict]]

_JUDGES: Final[Mapping[EngineName, Judge]] = {
    "postgresql": postgresql.judge,
    "mysql": mysql.judge,
    "sqlite": sqlite.judge,
}


def lint_project(
    project: Project,
    *,
    dialects: Sequence[str] = (),
    scratch_urls: Sequence[str] = (),
    after: str | None = None,
) -> Report:
    """Judge the revisions of a project on each of its engines.

    Args:
        project: ``[tool.bilayer]``.
        dialects: The engines; those of the project if none is named.
        scratch_urls: Servers on which scratch databases may be made. Without one for an engine its
            revisions are only asked for their statements, which those cannot tell that read rows.
        after: Judge the revisions behind this one; those of ``lint_after`` if None.

    Raises:
        BilayerError: The project has no migrations, or no such revision.
    """
    config = project.load_migrations()
    if config is None:
        message = "[tool.bilayer] names no migrations: there is nothing to judge"
        raise ConfigurationError(message)
    servers = by_engine(scratch_urls)
    engines = list(dict.fromkeys(engine_name(each) for each in dialects or project.dialects))
    reports = []
    for engine in engines:
        with (
            scratch_databases(engine, servers.get(engine)) as scratch,
            scratch_databases("sqlite", None) as files,
        ):
            recording = record(config, engine, scratch, files)
        reports.append(_report(recording, engine, project, after or project.lint_after))
    return Report.merge(reports)


def _report(
    recording: Recording, engine: EngineName, project: Project, after: str | None
) -> Report:
    judged = _behind(recording.revisions, after)
    findings = [
        _finding(verdict, engine, project.root)
        for revision in judged
        for verdict in _judge(revision, engine)
        if not _is_declared_safe(verdict)
    ]
    failures = [
        Failure(_relative(revision.path, project.root), f"cannot be judged for {engine} without a"
                f" --scratch-url: {revision.unread}")
        for revision in judged
        if revision.unread
    ]  # fmt: skip
    if recording.error is not None:
        place = recording.error_place
        where = f"{_relative(place[0], project.root)}:{place[1]}: " if place else ""
        failures.append(Failure("migrations", f"{where}{recording.error}"))
    return Report.of(findings, failures=failures, engines=[engine])


def _behind(revisions: Sequence[Recorded], after: str | None) -> Sequence[Recorded]:
    if after is None:
        return revisions
    places = [n for n, each in enumerate(revisions) if each.revision.startswith(after)]
    if len(places) != 1:
        message = f"there is no revision {after}, or more than one begins so"
        raise ConfigurationError(message)
    left_out: set[str] = set()
    wanted = [revisions[places[0]].revision]
    for each in reversed(revisions[: places[0] + 1]):  # another branch's may stand between them
        if each.revision.startswith(tuple(wanted)):
            left_out.add(each.revision)
            wanted += each.down
    return [each for each in revisions if each.revision not in left_out]


def _judge(revision: Recorded, engine: EngineName) -> Iterator[Verdict]:
    yield from common.judge(revision)
    yield from _JUDGES[engine](revision)
    if revision.steps and not revision.is_reversible:
        step = Step(revision.revision, revision.path, revision.downgrade_line, "other", None)
        message = f"revision {revision.revision} cannot be undone: its downgrade does nothing"
        yield Verdict("BL620", "warning", step, message)


def _is_declared_safe(verdict: Verdict) -> bool:
    """Look for ``# bilayer: safe[rule] reason`` on the line, or alone on the lines before it."""
    lines = read_lines(verdict.step.path)
    number = verdict.step.line - 1
    nearby = [lines[number]] if number < len(lines) else []
    while number > 0 and lines[number - 1].strip().startswith("#"):
        number -= 1
        nearby.append(lines[number])
    names = {verdict.code, CATALOGUE[verdict.code].name}
    return declares(nearby, names)


def _finding(verdict: Verdict, engine: EngineName, root: Path) -> Finding:
    step = verdict.step
    return Finding(
        code=verdict.code,
        name=CATALOGUE[verdict.code].name,
        severity=verdict.severity,
        pair="revisions",
        table=step.table,
        column=step.get("name") if step.kind.endswith("_column") else None,
        message=verdict.message,
        location=f"{_relative(step.path, root)}:{step.line}",
        fix=verdict.fix,
        engine=engine,
    )


def _relative(path: str, root: Path) -> str:
    resolved = root.resolve()
    place = Path(path)
    return str(place.relative_to(resolved)) if place.is_relative_to(resolved) else path
