"""The report as GitHub workflow commands, one annotation a finding.

Format: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from bilayer.drift.findings import Finding
from bilayer.drift.report.model import Report
from bilayer.drift.report.words import show_unseen

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def write_github(report: Report) -> str:
    """Write one line a finding, and one a failure."""
    lines = [_annotate(finding) for finding in report.findings]
    lines += [f"::error title=bilayer::{_escape(str(failure))}" for failure in report.failures]
    lines += [f"::notice title=bilayer::not done: {_escape(text)}" for text in report.not_done]
    return "\n".join(lines)


def _annotate(finding: Finding) -> str:
    properties = [f"title={_escape_property(f'{finding.code} {finding.name}')}"]
    if finding.location:
        path, _, line = finding.location.rpartition(":")
        properties = [f"file={_escape_property(path)}", f"line={line}", *properties]
    message = finding.message if not finding.fix else f"{finding.message}\nFix:\n{finding.fix}"
    return f"::{_COMMANDS[finding.severity]} {','.join(properties)}::{_escape(message)}"


def _escape(text: str) -> str:
    # The log shows colours, so that a name could paint over what stands before it.
    return show_unseen(text).replace("%", "%25").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
