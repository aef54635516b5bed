"""Go's durations (`1m30s`, `250ms`) in seconds."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Final

__all__ = ["format", "parse"]

UNITS: Final = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
WHOLE: Final = re.compile(rf"([-+]?)(0|(?:{PART.pattern})+)\Z", re.ASCII)
LONGEST: Final = Decimal(2**63 - 1) * UNITS["ns"]  # Go counts nanoseconds in 64 bits


def parse(text: str) -> float:
    """Seconds. Raises ValueError for what Go's `time.ParseDuration` refuses, as a number without unit."""
    match = WHOLE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration: write for instance `500ms`, `5s` or `1m30s`")
    seconds = sum((Decimal(number) * UNITS[unit] for number, unit in PART.findall(text)), Decimal(0))
    if seconds > LONGEST:
        raise ValueError(f"{text!r} is longer than a duration can be (292 years)")
    return float(-seconds if match[1] == "-" else seconds)


def format(seconds: float) -> str:
    """`seconds` as Go writes a duration, to the nanosecond: `500ms`, `1.5s`, `1m30s`. Raises ValueError."""
    if not math.isfinite(seconds):
        raise ValueError(f"{seconds} is not a duration")
    nanoseconds = round(Decimal(seconds) / UNITS["ns"])
    sign, rest = "-" if nanoseconds < 0 else "", abs(nanoseconds) * UNITS["ns"]
    if rest < 1:
        return sign + _below_a_second(rest)
    hours, rest = divmod(rest, UNITS["h"])
    minutes, rest = divmod(rest, UNITS["m"])
    long = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{long}{_number(rest)}s"


def _below_a_second(seconds: Decimal) -> str:
    unit = next((unit for unit in ("ms", "µs") if seconds >= UNITS[unit]), "ns")
    return f"{_number(seconds / UNITS[unit])}{unit}" if seconds else "0s"


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"
