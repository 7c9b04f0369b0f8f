"""Values written through one layer and read through the other, in a scratch database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from bilayer.drift.findings import Difference
from bilayer.drift.scratch import Scratch
from bilayer.drift.snapshot import Runtime


def check_values(
    metadatas: Sequence[sa.MetaData], dal: Any, runtime: Runtime, scratch: Scratch
) -> tuple[list[Difference], list[str]]:
    return [], []
