"""The check of a configured project on each of its engines, for the command line and for pytest."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from bilayer.drift.checking import check
from bilayer.drift.config import ConfigurationError, Project
from bilayer.drift.report import Report
from bilayer.urls import engine_name, parse_url


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
    servers = {engine_name(parse_url(each).drivername): each for each in scratch_urls}
    live = engine_name(parse_url(url).drivername) if url else None
    engines = [engine_name(name) for name in dialects or project.dialects]
    if live is not None and live not in engines:
        engines.append(live)
    if not engines:
        message = "[tool.bilayer] dialects is empty: nothing would be checked"
        raise ConfigurationError(message)
    metadata, runtime = project.load_metadata(), project.load_runtime()
    migrations = None if only_values else project.load_migrations()
    _require_pair(project, has_live=url is not None)
    reports = [
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
        for engine in dict.fromkeys(engines)
    ]
    merged = Report.merge(reports)
    if not only_values:
        return merged
    kept = [finding for finding in merged.findings if finding.code.startswith("BL5")]
    return dataclasses.replace(merged, findings=tuple(kept))


def _require_pair(project: Project, *, has_live: bool) -> None:
    """Refuse to check what has nothing to be compared with, and so never differs."""
    if not ((project.models or has_live) and (project.runtime or project.migrations)):
        message = (
            "[tool.bilayer] gives nothing to compare: it needs models (or --url) and runtime or"
            " migrations"
        )
        raise ConfigurationError(message)
