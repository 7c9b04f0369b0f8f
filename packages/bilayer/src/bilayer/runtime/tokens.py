r"""Values inside SQL text, and how they become bind parameters.

PyDAL builds SQL by joining strings and edits the pieces on the way (it doubles backslashes for
LIKE, lowers text for ILIKE, caches sub-selects, uses expression text as a key). A value therefore
travels through it as a self-contained token, ``\x01 kind payload \x02``, and leaves as a
placeholder with its parameter just before execution. An index into a side list would not survive.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
from collections.abc import Callable
from typing import Any, Final

Parameter = str | int | float | bool | decimal.Decimal | dt.datetime | bytes

_START, _END, _ESCAPE = "\x01", "\x02", "\x03"
_ESCAPES: Final = str.maketrans({_START: "\x03a", _END: "\x03b", _ESCAPE: "\x03c"})
_UNESCAPES: Final = {"a": _START, "b": _END, "c": _ESCAPE}
_TOKEN: Final = re.compile("\x01(.)([^\x02]*)\x02")
_ESCAPED: Final = re.compile("\x03(.)")


def _read_text(payload: str) -> str:
    if _ESCAPE not in payload:
        return payload
    return _ESCAPED.sub(lambda match: _UNESCAPES[match.group(1)], payload)


_WRITERS: Final[dict[type, tuple[str, Callable[[Any], str]]]] = {
    str: ("s", lambda text: text.translate(_ESCAPES)),
    int: ("i", str),
    bool: ("o", lambda flag: "1" if flag else "0"),
    float: ("f", float.hex),
    decimal.Decimal: ("n", lambda number: format(number, "f")),
    dt.datetime: ("t", dt.datetime.isoformat),
    bytes: ("b", bytes.hex),
}
_READERS: Final[dict[str, Callable[[str], Parameter]]] = {
    "s": _read_text,
    "i": int,
    "o": lambda payload: payload == "1",
    "f": float.fromhex,
    "n": decimal.Decimal,
    "t": dt.datetime.fromisoformat,
    "b": bytes.fromhex,
}
NAMED: Final = "p"
"""The kind of a token that stands for a named parameter of a prepared statement."""


def write(parameter: Parameter) -> str:
    """Make the token of one driver parameter."""
    kind, writer = _WRITERS[parameter.__class__]
    return f"{_START}{kind}{writer(parameter)}{_END}"


def write_named(name: str, field_type: str, length: int) -> str:
    """Make the token of a named parameter, whose value comes later.

    Args:
        name: The parameter.
        field_type: The PyDAL type that will check the value.
        length: The most characters of a text; 0 if there is no limit.
    """
    return f"{_START}{NAMED}{name}|{field_type}|{length}{_END}"


def split(sql: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Cut SQL at its tokens.

    Returns:
        The texts between the tokens (one more than there are tokens), and for each token its kind
        and payload.
    """
    parts = _TOKEN.split(sql)
    return parts[0::3], list(zip(parts[1::3], parts[2::3], strict=True))


def read(kind: str, payload: str) -> Parameter:
    """Give back the parameter a token was made of."""
    return _READERS[kind](payload)
