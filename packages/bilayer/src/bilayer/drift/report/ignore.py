"""The report as the ``ignore`` of ``[tool.bilayer]``: all that is known today."""

from __future__ import annotations

import glob
import json

from bilayer.drift.report.model import Report


def write_ignore(report: Report) -> str:
    """Write a line a finding; infos fail no check and are left out.

    What could not be read stands above as a comment: its findings are not in the list.
    """
    worth = [finding for finding in report.findings if finding.severity != "info"]
    names = {
        f"{finding.code}:{glob.escape(finding.place)}" if finding.place else finding.code
        for finding in worth
    }
    lines = "".join(f"    {json.dumps(name, ensure_ascii=False)},\n" for name in sorted(names))
    unread = "".join(f"# {line}\n" for each in report.failures for line in str(each).splitlines())
    return f"{unread}ignore = [\n{lines}]\n"
