"""Calls in the syntax tree of a source, and their arguments, changed as people write them."""

from __future__ import annotations

from typing import Final

import libcst as cst
from libcst import matchers

_SET: Final = matchers.Call(func=matchers.Name("IS_IN_SET"))


def merged(old: cst.Call, new: cst.Call, *, keep_default: bool = True) -> cst.Call:
    """Give a field the type of another and what goes with it; all else stays."""
    positional = [arg for arg in new.args if arg.keyword is None]
    merged = old
    if len(positional) > 1:
        merged = _with_type(merged, positional[1].value)
    keywords = [arg for arg in new.args if arg.keyword is not None]
    given = {arg.keyword.value for arg in old.args if arg.keyword is not None}
    if "length" in given and "length" not in {arg.keyword.value for arg in keywords if arg.keyword}:
        places = {arg.keyword.value: n for n, arg in enumerate(merged.args) if arg.keyword}
        merged = without(merged, places["length"])
    for argument in keywords:
        assert argument.keyword is not None  # noqa: S101 - chosen so
        is_kept = keep_default and argument.keyword.value == "default" and "default" in given
        if not is_kept:
            merged = with_argument(merged, argument)
    return merged


def _with_type(field: cst.Call, kind: cst.BaseExpression) -> cst.Call:
    for place, arg in enumerate(field.args):
        is_type = arg.keyword.value == "type" if arg.keyword is not None else place == 1
        if is_type:
            return replaced(field, place, arg.with_changes(value=kind))
    return inserted(field, 1, kind)


def _with_words(old: cst.BaseExpression, new: cst.BaseExpression) -> cst.BaseExpression:
    """Put a set of words in the place of the one that is there; validators beside it stay."""
    written = matchers.findall(new, _SET)
    if not (written and matchers.findall(old, _SET)):
        return new
    value = matchers.replace(old, _SET, written[0])
    return value if isinstance(value, cst.BaseExpression) else new


def with_argument(call: cst.Call, argument: cst.Arg) -> cst.Call:
    """Set a keyword argument, or add it at the end."""
    assert argument.keyword is not None  # noqa: S101 - callers see to it
    for place, arg in enumerate(call.args):
        if arg.keyword is not None and arg.keyword.value == argument.keyword.value:
            value = _with_words(arg.value, argument.value)
            return replaced(call, place, arg.with_changes(value=value))
    return inserted(call, len(call.args), argument.value, argument.keyword)


def inserted(
    call: cst.Call, place: int, value: cst.BaseExpression, keyword: cst.Name | None = None
) -> cst.Call:
    """Put an argument where it belongs, on a line of its own where the others are."""
    args = list(call.args)
    space = _spacing(call)
    comma = cst.Comma(whitespace_after=space)
    is_last = place == len(args)
    tail = args[-1].comma if args else cst.MaybeSentinel.DEFAULT
    if is_last and args:
        args[-1] = args[-1].with_changes(comma=_with_comment(comma, tail))
        tail = _with_comment(tail, cst.MaybeSentinel.DEFAULT)
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    new = cst.Arg(
        value,
        keyword=keyword,
        equal=equal if keyword else cst.MaybeSentinel.DEFAULT,
        comma=tail if is_last else comma,
    )
    return call.with_changes(args=[*args[:place], new, *args[place:]])


def without(call: cst.Call, place: int) -> cst.Call:
    """Take out an argument and the comment behind it; what stood behind the last one stays."""
    args = [arg for n, arg in enumerate(call.args) if n != place]
    gone = call.args[place]
    if args and place == len(args):
        last = args[-1].with_changes(whitespace_after_arg=gone.whitespace_after_arg)
        args[-1] = last.with_changes(comma=_with_comment(gone.comma, last.comma))
    return call.with_changes(args=args)


_Comma = cst.Comma | cst.MaybeSentinel


def _with_comment(comma: _Comma, other: _Comma) -> _Comma:
    """Give a comma the comment behind another, or none if there is none."""
    if not isinstance(comma, cst.Comma):
        return comma
    space = comma.whitespace_after
    if not isinstance(space, cst.ParenthesizedWhitespace):
        return comma
    after = other.whitespace_after if isinstance(other, cst.Comma) else None
    line = cst.TrailingWhitespace()
    if isinstance(after, cst.ParenthesizedWhitespace):
        line = after.first_line
    return comma.with_changes(whitespace_after=space.with_changes(first_line=line))


def _spacing(call: cst.Call) -> cst.BaseParenthesizableWhitespace:
    """Tell what stands between the arguments of a call."""
    for arg in call.args[:-1]:
        if isinstance(arg.comma, cst.Comma):
            after = arg.comma.whitespace_after
            if isinstance(after, cst.ParenthesizedWhitespace):
                # A comment behind an argument belongs to that one.
                line = after.first_line.with_changes(
                    comment=None, whitespace=cst.SimpleWhitespace("")
                )
                return after.with_changes(first_line=line, empty_lines=[])
            return after
    return cst.SimpleWhitespace(" ")


def replaced(call: cst.Call, place: int, arg: cst.Arg) -> cst.Call:
    """Give a call with another argument at a place."""
    return call.with_changes(args=[*call.args[:place], arg, *call.args[place + 1 :]])


def called_name(node: cst.Call) -> str:
    """Give the last word of what is called."""
    function = node.func
    if isinstance(function, cst.Attribute):
        return function.attr.value
    return function.value if isinstance(function, cst.Name) else ""


def text_of(node: cst.BaseExpression) -> str | None:
    """Give the text that a literal stands for, None for anything else."""
    if isinstance(node, cst.SimpleString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    return None
