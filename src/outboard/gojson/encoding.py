"""JSON written as Go's `encoding/json` writes what it decoded into `any`: so daprd re-encodes values.

Keys are sorted, numbers are 64-bit floats, `<`, `>` and `&` are escaped, and nothing stands between tokens.
Source: Go, package `encoding/json`, `Marshal`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final

from outboard.gojson.values import Json

__all__ = ["encode", "string", "write"]

ESCAPED: Final = "<>&\u2028\u2029"
ESCAPES: Final = str.maketrans({character: f"\\u{ord(character):04x}" for character in ESCAPED})
SURROGATE: Final = re.compile("[\ud800-\udfff]")
NOTHING: Final[list[Json]] = []
"""In the place of a value: there is none."""


def encode(value: Json) -> bytes:
    """`value` in UTF-8.

    Raises ValueError for NaN, and for what a 64-bit float cannot hold.
    """
    return write(value, _escaped, _number)


def write(value: Json, string: Callable[[str], str], number: Callable[[float], str]) -> bytes:
    """`value` with sorted keys in UTF-8; `string` and `number` write the two that dialects differ in.

    Raises what these two raise.
    """

    def text(value: Json) -> str:
        match value:
            case None:
                return "null"
            case bool():
                return "true" if value else "false"
            case str():
                return string(value)
            case int() | float():
                return number(value)
            case list():
                return f"[{','.join(map(text, value))}]"
        return "{" + ",".join(f"{string(key)}:{text(value[key])}" for key in sorted(value)) + "}"

    try:
        return text(value).encode()
    except RecursionError:
        return _of_nested(value, string, number).encode()


def _of_nested(value: Json, string: Callable[[str], str], number: Callable[[float], str]) -> str:
    """As `write`, of what is nested deeper than functions may call each other: what was read, which is done
    in C, can be.
    """
    parts: list[str] = []
    rest: list[tuple[str, Json]] = [("", value)]
    """What is to be written yet, the last first: a text, and a value behind it unless that is an end."""
    while rest:
        before, each = rest.pop()
        parts.append(before)
        if each is NOTHING:
            continue
        if isinstance(each, list) and each:
            parts.append("[")
            rest.append(("]", NOTHING))
            rest.extend([(",", item) for item in reversed(each[1:])])
            rest.append(("", each[0]))
        elif isinstance(each, dict) and each:
            parts.append("{")
            rest.append(("}", NOTHING))
            names = sorted(each)
            rest.extend([(f",{string(name)}:", each[name]) for name in reversed(names[1:])])
            rest.append((f"{string(names[0])}:", each[names[0]]))
        else:
            parts.append(write(each, string, number).decode())
    return "".join(parts)


def string(value: str) -> str:
    """`value` between quotes, with the escapes that JSON demands and no others; what is no text is U+FFFD."""
    text = value if value.isascii() else SURROGATE.sub("\ufffd", value)
    return json.dumps(text, ensure_ascii=False)


def _escaped(value: str) -> str:
    text = string(value)
    # Looking for each is many times as fast as one pass of `translate`, and mostly there is none.
    return text.translate(ESCAPES) if any(character in text for character in ESCAPED) else text


def _number(value: float) -> str:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"a number too large for a 64-bit float: {str(value)[:40]}")
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        text = format(Decimal(repr(number)), "f")  # "-0.0" stays "-0"
        return text.removesuffix(".0")
    return re.sub(r"e([-+])0", r"e\1", repr(number))
