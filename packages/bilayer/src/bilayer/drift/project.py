"""The check of a configured project on each of its engines, for the command line and for pytest."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

from bilayer.drift.checking import check
from bilayer.drift.config import ConfigurationError, Project
from bilayer.drift.definitions.naming import without_quotes
from bilayer.drift.findings import Finding
from bilayer.drift.passwords import hide_passwords
from bilayer.drift.report import Failure, Report
from bilayer.urls import EngineName, by_engine, engine_name, parse_url

_Loaded = TypeVar("_Loaded")


def check_project(
    project: Project,
    *,
    dialects: Sequence[str] = (),
    scratch_urls: Sequence[str] = (),
    url: str | None = None,
    values: bool = False,
    only_values: bool = False,
) -> Report:
    """Check a project on each of its engines, and put the reports together.

    Raises:
        BilayerError: The configuration or an option makes no sense, or leaves nothing to compare.
    """
    servers = by_engine(scratch_urls)
    live = engine_name(parse_url(url).drivername) if url else None
    engines = _choose_engines(dialects or project.dialects, live)
    unread: list[Failure] = []
    metadata = _load("models", project.load_metadata, unread)
    runtime = _load("runtime", project.load_runtime, unread)
    migrations = None if only_values else _load("migrations", project.load_migrations, unread)
    if not unread:
        _require_pair(project, has_live=url is not None)
    is_nothing_left = runtime is None and migrations is None
    reports = [Report.of((), failures=unread, engines=engines, partly=engines if unread else ())]
    reports += [
        check(
            metadata=metadata,
            dal=runtime,
            migrations=migrations,
            url=url if engine == live else None,
            dialect=engine,
            scratch_url=servers.get(engine),
            values=values,
            adapter=project.runtime_adapter,
            ignore=project.ignore,
            root=project.root,
        )
        for engine in ([] if is_nothing_left else engines)
    ]
    merged = Report.merge(reports)
    asked = [one for one in merged.findings if not only_values or one.code.startswith("BL5")]
    findings = tuple(_say_whom_it_fails(one, engines) for one in asked)
    return dataclasses.replace(merged, findings=findings)


def _say_whom_it_fails(finding: Finding, engines: Sequence[str]) -> Finding:
    """Say of a fix that names in quotes that it cannot serve all engines of the project."""
    if without_quotes(finding.fix or "", engines)[1] is None:
        return finding
    advice = "no rname serves both PostgreSQL and MariaDB, nor does the one proposed"
    return dataclasses.replace(finding, message=f"{finding.message}; {advice}")


def _choose_engines(names: Sequence[str], live: EngineName | None) -> list[EngineName]:
    engines = dict.fromkeys(engine_name(name) for name in names)
    if live is not None:
        engines.setdefault(live)
    if not engines:
        message = "[tool.bilayer] dialects is empty: nothing would be checked"
        raise ConfigurationError(message)
    return list(engines)


def _load(source: str, load: Callable[[], _Loaded], unread: list[Failure]) -> _Loaded | None:
    """Load one source; one that cannot be loaded does not hide the others."""
    try:
        return load()
    except ConfigurationError as error:
        unread.append(Failure(source, hide_passwords(str(error))))
        return None


def _require_pair(project: Project, *, has_live: bool) -> None:
    """Refuse to check what has nothing to be compared with, and so never differs."""
    if not ((project.models or has_live) and (project.runtime or project.migrations)):
        message = (
            "[tool.bilayer] gives nothing to compare: it needs models (or --url) and runtime or"
            " migrations"
        )
        raise ConfigurationError(message)
