"""What a PyDAL field's type says beyond how its values are stored. Makes text and values only."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Final

from bilayer.drift.snapshot import Field, RuntimeTable

_LINKS: Final = ("reference ", "big-reference ")
LINK_CODES: Final = ("BL110", "BL304")
"""Findings that say of a reference that it leads to the wrong table, or to none."""


def keep_meaning(types: list[str], field: Field | None) -> list[str]:
    """Keep a type that says more than how it is stored: a reference, an upload, a password.

    Args:
        types: The arguments that say what is stored, as they are written.
        field: The field that is there.
    """
    kept = field.type if field else ""
    is_link = kept.startswith(_LINKS) and types[0] in ('"integer"', '"bigint"')
    is_text = kept in ("password", "upload") and types[0] in ('"string"', '"text"')
    return [f'"{kept}"', *types[1:]] if is_link or is_text else types


def without_link(field: Field | None, code: str, known: Iterable[RuntimeTable]) -> Field | None:
    """Forget the type of a reference if a finding is about where it leads, or it leads nowhere.

    Args:
        field: The field that is there.
        code: The finding's.
        known: The tables PyDAL has.
    """
    if field is None or not field.type.startswith(_LINKS):
        return field
    target = field.type.split()[1].partition(".")[0]
    is_right = code not in LINK_CODES and any(each.name == target for each in known)
    return field if is_right else dataclasses.replace(field, type="")
