"""Keep SQLAlchemy models, Alembic migrations, PyDAL tables and a live database in step.

``bilayer.check`` is loaded when it is first asked for: the runtime serves requests without Alembic.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bilayer.drift.checking import check
    from bilayer.drift.findings import Finding
    from bilayer.drift.report import Failure, Report

__all__ = ["Failure", "Finding", "Report", "check"]

_HOMES: Final = {
    "Failure": "bilayer.drift.report",
    "Finding": "bilayer.drift.findings",
    "Report": "bilayer.drift.report",
    "check": "bilayer.drift.checking",
}


def __getattr__(name: str) -> Any:  # Any: one of the four names above
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(importlib.import_module(_HOMES[name]), name)
