"""The short way for what nearly every event is: JSON in Unicode with plain numbers, read and written at once.

Each function gives what the long way gives, byte for byte, or None where it cannot know: then the long way is
taken, which words the errors too. What each reads, and which numbers it takes:

    read_as_written  one event to publish       those that stay as they stand when the event is written again
    read_plain       a bulk request             those that `to_json` and Python's `json` write alike
    read_event       an event to deliver alone  all: its bytes go on as they are, rules see doubles
    read_alike       one to deliver in a batch  those that Go, which writes it anew, writes as they stand
    read_object      an app's answer            all: only its texts are looked at

An event that was published here and is delivered here is read once: `Frame.message` leaves what delivery asks
for in `Message.known`. It does so only where reading the event again could tell nothing else: it never
expires, it has a `traceparent`, so that none is taken from metadata, and Go writes its numbers as they stand.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final, NoReturn

from pydantic_core import from_json, to_json

from outboard.gojson.rawjson import PLAIN
from outboard.gojson.values import Json
from outboard.sidecar.components.port import Message
from outboard.sidecar.events.envelope import SPEC_VERSION, expiration_of, name_a_ttl, rfc3339
from outboard.wire import dapr
from outboard.wire.tracing import TraceContext

__all__ = ["Frame", "read_alike", "read_as_written", "read_event", "read_object", "read_plain"]

DEFAULTS: Final = {"source": dapr.DEFAULT_SOURCE, "type": dapr.EVENT_TYPE, "specversion": SPEC_VERSION}
LARGEST: Final = 2**53
MOST_DIGITS: Final = 300  # any such number is a double
KNOWN: Final[tuple[str, ...]] = (
    "id",
    "source",
    "partitionkey",
    "traceparent",
    "correlationid",
    "causationid",
)
"""What the delivery of an event and the record of its hops ask for."""
SHORTER_IN_GO: Final = re.compile(rb"\.0[,}\]]")
"""What a number like 10.0 ends with, which Go writes as 10; perhaps inside a text."""


class _Unusual(ValueError):
    """A number that is not written as everybody writes it."""


def _integer(digits: str) -> int:
    number = int(digits) if len(digits) < 18 else LARGEST  # so many digits are beyond it anyway
    if not -LARGEST < number < LARGEST or digits == "-0":
        raise _Unusual
    return number


def _float(digits: str) -> float:
    number = float(digits)
    if repr(number) != digits or "e" in digits:  # `to_json` and `repr` write exponents differently
        raise _Unusual
    return number


def _fraction(digits: str) -> float:
    if digits.endswith(".0"):
        raise _Unusual  # of which Go makes a whole number
    return _float(digits)


def _any_integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise _Unusual
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise _Unusual
    return number


def _refuse(constant: str) -> NoReturn:
    raise _Unusual


PLAIN_NUMBERS: Final = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=_refuse)
ANY_NUMBERS: Final = json.JSONDecoder(parse_int=_any_integer, parse_float=_finite, parse_constant=_refuse)
SAME_IN_GO: Final = json.JSONDecoder(parse_int=_integer, parse_float=_fraction, parse_constant=_refuse)


def read_object(data: bytes) -> dict[str, Json] | None:
    """The JSON object that is all of `data`, whatever its numbers."""
    try:
        value: Json = from_json(data, allow_inf_nan=False)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def read_event(data: bytes) -> dict[str, Json] | None:
    """As `read_object`, where each number is a double for Go; here whole numbers stay what they are."""
    value = _decode(data, ANY_NUMBERS)
    return value if isinstance(value, dict) else None


def read_plain(data: bytes) -> Json:
    """The JSON value that is all of `data`, where `to_json` and Python's `json` write every number alike."""
    return _decode(data, PLAIN_NUMBERS)


def read_alike(data: bytes) -> dict[str, Json] | None:
    """As `read_event`, where Go writes every number of it as it stands."""
    value = _decode(data, SAME_IN_GO)
    return value if isinstance(value, dict) else None


def _decode(data: bytes, decoder: json.JSONDecoder) -> Json:
    if b"\\" in data and (b"\\ud" in data or b"\\uD" in data):
        return None  # perhaps half a character
    try:
        text = data.decode("utf-8")
        value: Json
        value, end = decoder.raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return value if end == len(text) else None


def read_as_written(data: bytes) -> dict[str, Json] | None:
    """The JSON object that `read_plain` reads, where `to_json` writes each value of it as it stands."""
    value = read_plain(data)
    # Comparing costs less than asking whether white space or an escape would be lost.
    return value if isinstance(value, dict) and _written(value) == data else None


@dataclass(frozen=True, slots=True)
class Frame:
    """What every CloudEvent of one request gets. All texts are plain; most events do not ask for the time."""

    now: Callable[[], datetime]
    features: frozenset[str]
    traceparent: str
    tracestate: str
    target: Mapping[str, str]

    @classmethod
    def of(
        cls,
        pubsub: str,
        topic: str,
        trace: TraceContext | None,
        now: Callable[[], datetime],
        features: frozenset[str],
    ) -> Frame | None:
        """None where a text is not plain. `now` gives an aware time; `features` are the component's."""
        traceparent = "" if trace is None else trace.traceparent
        tracestate = "" if trace is None else trace.tracestate
        if not PLAIN.match(pubsub + topic + tracestate):
            return None
        return cls(now, features, traceparent, tracestate, {"pubsubname": pubsub, "topic": topic})

    def message(self, event: Mapping[str, Json], metadata: Mapping[str, str] | None) -> Message | None:
        """`event`, published with `metadata`, with the attributes that it lacks: as `envelope.wrap`.

        It must have been read by `read_plain` or `read_as_written`.
        """
        fields = self._fields(event, metadata)
        data = None if fields is None else _written(fields)
        if fields is None or data is None:
            return None
        known = None
        if "expiration" not in fields and "traceparent" in fields and not SHORTER_IN_GO.search(data):
            known = {"id": "", **{name: fields[name] for name in KNOWN if name in fields}}
        return Message(data, metadata or {}, None, known)

    def _fields(
        self, event: Mapping[str, Json], metadata: Mapping[str, str] | None
    ) -> dict[str, Json] | None:
        skeleton = _skeleton(tuple(event))
        if skeleton is None:
            return None
        # The skeleton comes first, since a dict keeps the place of a name: so the names are sorted at once.
        fields = {**skeleton, **DEFAULTS, "tracestate": self.tracestate, **event, **self.target}
        if "time" not in event:
            fields["time"] = rfc3339(self.now())
        if "traceid" not in event:
            fields["traceid"] = fields["traceparent"] = self.traceparent
        if fields["source"] is None or fields["type"] is None or fields["specversion"] is None:
            fields |= {name: default for name, default in DEFAULTS.items() if fields[name] is None}
        if not metadata or not name_a_ttl(tuple(metadata)):
            return fields
        expiration = expiration_of(metadata, self.features, self.now())
        return dict(sorted({**fields, "expiration": expiration}.items())) if expiration else fields


def _written(fields: Mapping[str, Json]) -> bytes | None:
    try:
        return to_json(fields)
    except ValueError:
        return None


@lru_cache(maxsize=1_024)
def _skeleton(names: tuple[str, ...]) -> dict[str, Json] | None:
    """The names of an event with these `names` once it is completed, sorted; None where one is not plain."""
    text = "".join(names)
    if not (text.isascii() and text.replace("_", "").isalnum()):
        return None
    traced = {"traceid"} if "traceid" in names else {"traceid", "traceparent"}
    return dict.fromkeys(sorted({*names, *traced, *DEFAULTS, "time", "tracestate", "topic", "pubsubname"}))
