"""``Report``: what a check found, what it could not read, and what it did not do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

from bilayer.drift.findings import Finding
from bilayer.drift.snapshot import Runtime, Schema

FailOn = Literal["error", "warning"]


@dataclasses.dataclass(frozen=True, slots=True)
class Failure:
    """Something asked for could not be read."""

    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}"


@dataclasses.dataclass(frozen=True, slots=True)
class Described:
    """What each source says the schema is on one engine; ``None`` if it was not given or read.

    Attributes:
        models: As the engine built them, or as SQLAlchemy would where nothing could be built.
    """

    engine: str
    models: Schema | None = None
    migrations: Schema | None = None
    runtime: Runtime | None = None
    database: Schema | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """What a check found.

    Attributes:
        findings: Errors first, then by table and column; of each severity, tables that are to be
            made stand first, and those to be dropped last.
        failures: What was asked for and could not be read, and why.
        not_done: What was not compared because it needs more than was given.
        engines: The engines the check ran for.
        partly: Those of them on which something was not done.
        described: What was compared, for the page that shows it; no other form holds it.
    """

    findings: tuple[Finding, ...] = ()
    failures: tuple[Failure, ...] = ()
    not_done: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()
    described: tuple[Described, ...] = dataclasses.field(default=(), compare=False, repr=False)

    @classmethod
    def of(
        cls,
        findings: Iterable[Finding],
        *,
        failures: Iterable[Failure] = (),
        not_done: Iterable[str] = (),
        engines: Sequence[str] = (),
        partly: Sequence[str] = (),
        described: Sequence[Described] = (),
    ) -> Report:
        """Make a report; sort what was found, and say nothing twice."""
        unique = dict.fromkeys(findings)
        return cls(
            findings=tuple(sorted(unique, key=Finding.sort_key)),
            failures=tuple(dict.fromkeys(failures)),
            not_done=tuple(dict.fromkeys(not_done)),
            engines=tuple(dict.fromkeys(engines)),
            partly=tuple(dict.fromkeys(partly)),
            described=tuple(described),
        )

    @classmethod
    def merge(cls, reports: Sequence[Report]) -> Report:
        """Put the reports of several engines together; what all of them found stands once."""
        engines_of: dict[Finding, list[str]] = {}
        for report in reports:
            for finding in report.findings:
                key = dataclasses.replace(finding, engine=None, fix=None)
                engines_of.setdefault(key, []).append(finding.engine or "")
        fixes = {
            dataclasses.replace(finding, engine=None, fix=None): finding.fix
            for report in reversed(reports)
            for finding in report.findings
        }
        merged = [
            dataclasses.replace(key, engine=", ".join(dict.fromkeys(engines)), fix=fixes[key])
            for key, engines in engines_of.items()
        ]
        return cls.of(
            merged,
            failures=[failure for report in reports for failure in report.failures],
            not_done=[text for report in reports for text in report.not_done],
            engines=[engine for report in reports for engine in report.engines],
            partly=[engine for report in reports for engine in report.partly],
            described=[each for report in reports for each in report.described],
        )

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that break the application or its data."""
        return tuple(finding for finding in self.findings if finding.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings the application survives."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def ok(self) -> bool:
        """No error was found; says nothing of what could not be read."""
        return not self.errors

    @property
    def exit_code(self) -> int:
        """0 without errors, 1 with, 2 if something could not be read."""
        return self.exit_code_for("error")

    def exit_code_for(self, fail_on: FailOn) -> int:
        """Give the exit code if warnings count too, or do not."""
        if self.failures:
            return 2
        counted = self.errors or (fail_on == "warning" and self.warnings)
        return 1 if counted else 0

    def name_engines(self) -> str:
        """Name the engines, and claim none as checked that was checked in part only."""
        whole = [engine for engine in self.engines if engine not in self.partly]
        partly = f"partly on {', '.join(self.partly)} (see what was not done)"
        if not self.partly:
            return f"on {', '.join(whole) or 'no engine'}"
        return f"on {', '.join(whole)}; {partly}" if whole else partly

    def to_text(self, *, width: int | None = None, color: bool = False) -> str:
        """Write the report for a terminal."""
        from bilayer.drift.report.text import write_text  # noqa: PLC0415 - rich loads slowly

        return write_text(self, width=width, color=color)

    def to_json(self) -> str:
        """Write the report for programs; see ``report/json.py`` for its fields."""
        from bilayer.drift.report.json import write_json  # noqa: PLC0415 - one form is used

        return write_json(self)

    def to_sarif(self) -> str:
        """Write SARIF 2.1.0, which code hosts show beside the lines concerned."""
        from bilayer.drift.report.sarif import write_sarif  # noqa: PLC0415 - as above

        return write_sarif(self)

    def to_github(self) -> str:
        """Write workflow commands, which GitHub Actions shows in a pull request."""
        from bilayer.drift.report.github import write_github  # noqa: PLC0415 - as above

        return write_github(self)

    def to_html(self) -> str:
        """Write one page that needs nothing else."""
        from bilayer.drift.report.html import write_html  # noqa: PLC0415 - as above

        return write_html(self)

    def to_ignore(self) -> str:
        """Write the lines of ``[tool.bilayer]`` that keep quiet about what is found today."""
        from bilayer.drift.report.ignore import write_ignore  # noqa: PLC0415 - as above

        return write_ignore(self)
