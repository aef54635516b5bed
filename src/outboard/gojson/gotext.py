"""Values as Go's `fmt` prints them with `%v`: so daprd turns state into text that is to be no JSON.

Source: Go, package `fmt`, "Printing".
"""

from __future__ import annotations

from decimal import Decimal

from outboard.gojson.values import Json

__all__ = ["printed"]


def printed(value: Json) -> str:
    """The text of a decoded JSON value. Numbers are 64-bit floats; objects become `map[key:value]`."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return _number(value)
        case list():
            return f"[{' '.join(map(printed, value))}]"
    return "map[" + " ".join(f"{key}:{printed(value[key])}" for key in sorted(value)) + "]"


def _number(value: float) -> str:
    """The shortest digits; with an exponent below 1e-4 and from a million on."""
    try:
        number = float(value)
    except OverflowError:
        return "+Inf" if value > 0 else "-Inf"
    if number == 0 or 1e-4 <= abs(number) < 1e6:
        return format(Decimal(repr(number)), "f").removesuffix(".0")
    mantissa, exponent = f"{Decimal(repr(number)).normalize():e}".split("e")
    return f"{mantissa}e{int(exponent):+03d}"
