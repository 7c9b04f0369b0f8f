"""The Dockerfile, read for the tests: instructions in their order, stage by stage."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.support.databases import ROOT

SERVICE = ROOT / "services/flask-backend"


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile: ``COPY`` and what stands behind it, on one line."""

    name: str
    text: str


def read_stages() -> list[list[Instruction]]:
    """Return the instructions of each stage; each begins with its ``FROM``."""
    lines = (SERVICE / "Dockerfile").read_text().splitlines()
    code = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    stages: list[list[Instruction]] = []
    for line in re.sub(r"\\\n\s*", "", code).splitlines():
        if line.strip():
            name, _, text = line.partition(" ")
            if name == "FROM":
                stages.append([])
            stages[-1].append(Instruction(name, text.strip()))
    return stages
