"""The revisions of a configured project, rehearsed on each of its engines."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from bilayer.drift.checking import is_ignored
from bilayer.drift.config import ConfigurationError, Project
from bilayer.drift.findings import CATALOGUE, Finding
from bilayer.drift.live import first_line
from bilayer.drift.rehearsal.cost import Cost, judge_costs, measure
from bilayer.drift.rehearsal.stage import Stage
from bilayer.drift.rehearsal.trial import Trial
from bilayer.drift.rehearsal.verdicts import Verdict
from bilayer.drift.report.model import Failure, Report
from bilayer.drift.scratch.databases import scratch_databases
from bilayer.errors import BilayerError
from bilayer.urls import EngineName, by_engine, engine_name


@dataclasses.dataclass(frozen=True, slots=True)
class Rehearsal:
    """What came of rehearsing a project's revisions.

    Attributes:
        report: What was found.
        costs: What revisions cost, if that was asked for.
    """

    report: Report
    costs: tuple[Cost, ...] = ()


def rehearse_project(
    project: Project,
    *,
    dialects: Sequence[str] = (),
    scratch_urls: Sequence[str] = (),
    revision: str | None = None,
    rows: int | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Rehearsal:
    """Run each revision up, down and up again, in scratch databases with made-up rows.

    Args:
        project: ``[tool.bilayer]``.
        dialects: The engines; those of the project if none is named.
        scratch_urls: Servers on which scratch databases may be made.
        revision: Rehearse this one only; the others are run upwards.
        rows: Also measure what a revision costs on tables of that many rows (PostgreSQL).
        tell: Told of each step, for whoever waits.

    Raises:
        BilayerError: The project has no migrations, or an option makes no sense.
    """
    config = project.load_migrations()
    if config is None:
        message = "[tool.bilayer] names no migrations: there is nothing to rehearse"
        raise ConfigurationError(message)
    servers = by_engine(scratch_urls)
    engines = list(dict.fromkeys(engine_name(each) for each in dialects or project.dialects))
    found: list[Rehearsal] = []
    for engine in engines:
        with scratch_databases(engine, servers.get(engine)) as scratch:
            if not scratch.is_available:
                found.append(_say_not_done(engine))
                continue
            with contextlib.closing(Stage(config, scratch)) as stage:
                found.append(_rehearse(stage, project, revision=revision, rows=rows, tell=tell))
    report = Report.merge([each.report for each in found])
    return Rehearsal(report, tuple(cost for each in found for cost in each.costs))


def _say_not_done(engine: EngineName) -> Rehearsal:
    text = f"rehearsal on {engine}: needs a scratch_url (--scratch-url or BILAYER_SCRATCH_URLS)"
    return Rehearsal(Report.of([], not_done=[text], partly=[engine], engines=[engine]))


def _rehearse(
    stage: Stage,
    project: Project,
    *,
    revision: str | None,
    rows: int | None,
    tell: Callable[[str], None],
) -> Rehearsal:
    engine = stage.engine
    trial = Trial(stage, lambda text: tell(f"{engine}: {text}"))
    costs: tuple[Cost, ...] = ()
    failures, not_done = [], []
    try:
        trial.run(revision)
        if rows and engine == "postgresql":
            costs = tuple(
                measure(stage, trial.touched, rows, lambda text: tell(f"{engine}: {text}"))
            )
        elif rows:
            not_done.append(f"cost of revisions on {engine}: it is measured on PostgreSQL only")
    except ConfigurationError:
        raise
    except BilayerError as error:
        failures.append(Failure("migrations", f"on {engine}: {error}"))
    except SQLAlchemyError as error:
        failures.append(Failure("migrations", f"on {engine}: {first_line(error)}"))
    verdicts = [*trial.verdicts, *judge_costs(costs, trial.steps)]
    findings = [_finding(verdict, engine, project.root) for verdict in verdicts]
    kept = [each for each in findings if not is_ignored(each, project.ignore)]
    report = Report.of(
        kept, failures=failures, not_done=not_done, engines=[engine],
        partly=[engine] if not_done else [],
    )  # fmt: skip
    return Rehearsal(report, costs)


def _finding(verdict: Verdict, engine: EngineName, root: Path) -> Finding:
    return Finding(
        code=verdict.code,
        name=CATALOGUE[verdict.code].name,
        severity=verdict.severity,
        pair="revisions",
        table=verdict.table,
        column=verdict.column,
        message=verdict.message,
        location=_locate(verdict, root),
        engine=engine,
    )


def _locate(verdict: Verdict, root: Path) -> str:
    """Name the line that failed, or else the function that did it."""
    path, line = Path(verdict.step.path), verdict.step.downgrade_line
    if verdict.is_upgrade:
        text = path.read_text(encoding="utf-8", errors="replace")
        match = re.search(r"^def upgrade\b", text, re.MULTILINE)
        line = text.count("\n", 0, match.start()) + 1 if match else 1
    if verdict.place is not None:
        path, line = Path(verdict.place.path), verdict.place.line
    resolved = root.resolve()
    short = path.relative_to(resolved) if path.is_relative_to(resolved) else path
    return f"{short}:{line}"
