"""The lines of a file of the record, written and read. Pure.

A file begins with a head, a JSON object that says whose it is; each further line is a hop, a note about what
is not there, or blank where somebody has erased one. Members that a reader does not know are passed over, and
those that are not there have their defaults, so that members can be added without a new version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

from pydantic_core import from_json, to_json

from outboard.hops.record import EventIdentity, Hop, HopKind

__all__ = [
    "VERSION", "FileHead", "NotWritten", "Note", "SampledOut", "UnreadableHead", "head_line", "hop_line",
    "note_line", "read_head", "read_line",
]  # fmt: skip

VERSION: Final = 1
LONGEST_DETAIL: Final = 2_000
FORMAT: Final = "outboard-hops"


@dataclass(frozen=True, slots=True)
class FileHead:
    """Whose file it is: the app, `kit` or `sidecar`, and which process of it."""

    app_id: str
    part: str
    instance: str


@dataclass(frozen=True, slots=True)
class SampledOut:
    """Hops of events that went well were left out: between `since` and `until` 1 event of `one_in` is kept.

    Times are in seconds since 1970.
    """

    one_in: int
    hops: int
    since: float
    until: float
    head: FileHead


@dataclass(frozen=True, slots=True)
class NotWritten:
    """Hops that could not be written, and why, up to `until`, in seconds since 1970."""

    hops: int
    why: str
    until: float
    head: FileHead


Note: TypeAlias = SampledOut | NotWritten


class UnreadableHead(ValueError):
    """The file is none of the record, or of a version that is not known here."""


def head_line(head: FileHead) -> bytes:
    """The first line of a file."""
    members = {"format": FORMAT, "version": VERSION, "app": head.app_id, "part": head.part}
    return to_json({**members, "instance": head.instance}) + b"\n"


def read_head(line: bytes) -> FileHead:
    """Raises UnreadableHead, whose text says what the file is instead."""
    members = _object(line)
    if members.get("format") != FORMAT:
        raise UnreadableHead("it is no file of the record of hops")
    version = members.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise UnreadableHead(
            f"a newer Outboard has written it (version {version} of the format, here {VERSION} is known): "
            "read it with that one"
        )
    return FileHead(_text(members, "app"), _text(members, "part"), _text(members, "instance"))


def hop_line(hop: Hop) -> bytes:
    """One hop, without what it has not; part and instance stand in the head."""
    (kind, at, app_id, pubsub, topic, event, attempt, outcome, detail, duration, partition, offset, _, data,
     *_) = hop  # fmt: skip
    members: dict[str, object] = {
        "kind": kind._value_, "at": at, "id": event[0], "source": event[1], "app": app_id,
        "pubsub": pubsub, "topic": topic,
    }  # fmt: skip
    # One behind the other, as to build what is there of a table of names takes twice as long.
    if event[2]:
        members["key"] = event[2]
    if event[3]:
        members["trace"] = event[3]
    if event[4]:
        members["correlation"] = event[4]
    if event[5]:
        members["cause"] = event[5]
    if attempt:
        members["attempt"] = attempt
    if outcome:
        members["outcome"] = outcome
    if detail:
        members["detail"] = detail[:LONGEST_DETAIL]
    if partition:
        members["partition"] = partition
    if offset:
        members["offset"] = offset
    if data:
        members["data"] = data
    if duration is not None:
        members["duration"] = round(duration, 6)
    try:
        return to_json(members) + b"\n"
    except ValueError:  # half a character, which is no text
        return to_json({name: _whole(value) for name, value in members.items()}) + b"\n"


def note_line(note: Note) -> bytes:
    """What a reader is to be told of hops that are not there."""
    if isinstance(note, NotWritten):
        members = {"note": "missed", "hops": note.hops, "why": note.why, "until": note.until}
        return to_json(members) + b"\n"
    return (
        to_json(
            {
                "note": "left out",
                "one_in": note.one_in,
                "hops": note.hops,
                "since": note.since,
                "until": note.until,
            }
        )
        + b"\n"
    )


def read_line(line: bytes, head: FileHead) -> Hop | Note | None:
    """A line after the head; None where it is blank, was cut off, or says what is not known here."""
    members = _object(line)
    if "note" in members:
        return _note(members, head)
    kind = _kinds().get(members.get("kind", ""))
    return None if kind is None else _hop(kind, members, head)


def _hop(kind: HopKind, members: Mapping[str, Any], head: FileHead) -> Hop:
    event = EventIdentity(
        _text(members, "id"), _text(members, "source"), _text(members, "key"), _text(members, "trace"),
        _text(members, "correlation"), _text(members, "cause"),
    )  # fmt: skip
    attempt, duration = members.get("attempt"), members.get("duration")
    return Hop(
        kind, _number(members, "at"), _text(members, "app") or head.app_id, _text(members, "pubsub"),
        _text(members, "topic"), event, attempt if isinstance(attempt, int) else 0,
        _text(members, "outcome"), _text(members, "detail"),
        float(duration) if isinstance(duration, int | float) else None, _text(members, "partition"),
        _text(members, "offset"), b"", _text(members, "data"), head.part, head.instance,
    )  # fmt: skip


def _note(members: Mapping[str, Any], head: FileHead) -> Note | None:
    hops, until = int(_number(members, "hops")), _number(members, "until")
    if members["note"] == "missed":
        return NotWritten(hops, _text(members, "why"), until, head)
    if members["note"] == "left out":
        return SampledOut(int(_number(members, "one_in")), hops, _number(members, "since"), until, head)
    return None


@lru_cache(maxsize=1)
def _kinds() -> Mapping[object, HopKind]:
    return {str(kind): kind for kind in HopKind}


def _object(line: bytes) -> dict[str, Any]:
    """Empty where it is no JSON object: the end of a file may be cut off."""
    try:
        value = from_json(line)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> object:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _text(members: Mapping[str, Any], name: str) -> str:
    value = members.get(name)
    return value if isinstance(value, str) else ""


def _number(members: Mapping[str, Any], name: str) -> float:
    value = members.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
