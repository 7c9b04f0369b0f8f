"""Decimals of a fixed scale, checked alike by both layers."""

from __future__ import annotations

import decimal
from typing import Any, Final

EXACT: Final = decimal.Context(prec=80, traps=[])
"""For moving the point and checking; the thread's own context might round."""


def fix(value: Any, precision: int, scale: int) -> decimal.Decimal:
    """Give a number all its digits after the point, and none too many.

    Args:
        value: A Decimal or an int.
        precision: Digits in all.
        scale: Digits after the point.

    Raises:
        ValueError: It is another type, not finite, or has digits the column would drop. The
            message does not hold the value.
    """
    if isinstance(value, bool) or not isinstance(value, decimal.Decimal | int):
        raise ValueError(f"a Decimal is needed, not {type(value).__name__}")  # noqa: TRY004 - one kind of error
    number = decimal.Decimal(value)
    if not number.is_finite():
        raise ValueError("a finite number is needed")
    if number.copy_abs() >= decimal.Decimal((0, (1,), precision - scale)):
        raise ValueError(f"more than {precision - scale} digits before the point")
    fixed = number.quantize(decimal.Decimal((0, (1,), -scale)), context=EXACT)
    if fixed != number:
        raise ValueError(f"more than {scale} digits after the point")
    return fixed
