"""What is published of a letter that goes back, and which letters cannot. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import from_json, to_json

from outboard.kit.client.port import Publication
from outboard.kit.deadletters.port import Letter
from outboard.kit.names import check_name
from outboard.wire.dapr import PARTITION_KEY
from outboard.wire.deadletters import without
from outboard.wire.replays import replay_attributes, without_replay
from outboard.wire.tracing import TraceContext

__all__ = [
    "AS_IT_IS",
    "RefusedLetter",
    "ReplayOptions",
    "ReplayReport",
    "addressee_of",
    "publication_of",
    "refusal_of",
    "revised",
]

AS_IT_IS: Final = object()
"""Stands for data that is not changed, where None is data."""
LEFT_OUT: Final = frozenset({"expiration", "data", "data_base64"})
"""Attributes that are not published again: what has expired would never be delivered."""
NO_TOPIC: Final = "the topic that it came from is not known: say to which one it is to go"
NO_APP: Final = "its sidecar wrote it, and nobody knows which app has failed: say which one, or everybody"
CUT: Final = "it was too large for a dead letter, and the rest of its data is gone: give the data"


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How letters are published again.

    `to` is a topic, in the place of the one that each came from; every subscriber of it gets them. Otherwise
    the app that failed gets them alone, or `app_id`, or `everybody`. `data` is for one letter, in the place
    of its own. `timeout`, in seconds, is of one publish.
    """

    to: str = ""
    app_id: str = ""
    everybody: bool = False
    data: object = field(default=AS_IT_IS, repr=False)
    timeout: float = 10.0

    def checked(self) -> ReplayOptions:
        """Itself. Raises InvalidName, ValueError."""
        if self.to:
            check_name("topic", self.to)
        if self.app_id:
            check_name("app", self.app_id)
        if self.app_id and self.everybody:
            raise ValueError("a replay is for one app, or for everybody: give one of app_id and everybody")
        if not self.timeout > 0:
            raise ValueError(f"timeout has to be above zero, not {self.timeout!r}")
        return self


@dataclass(frozen=True, slots=True)
class RefusedLetter:
    """A letter that was not published, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ReplayReport:
    """What became of a replay: how many were published, and what was not.

    `found` is how many there were to begin with. `stopped` is why it ended before all were tried; empty where
    they were. Of a `dry_run`, `replayed` is how many would be.
    """

    found: int
    replayed: int
    refused: Sequence[RefusedLetter] = ()
    stopped: str = ""
    dry_run: bool = False


def refusal_of(letter: Letter, options: ReplayOptions) -> str | None:
    """Why `letter` cannot be published so; None if it can."""
    if letter.is_cut and options.data is AS_IT_IS:
        return CUT
    if options.to:
        return None
    if not letter.topic:
        return NO_TOPIC
    if not (letter.app_id or options.app_id or options.everybody):
        return NO_APP
    return None


def publication_of(letter: Letter, body: bytes, replay_id: str, options: ReplayOptions) -> Publication:
    """The event of `letter`, whose envelope is `body`: as it was, with its id, and for whom it is.

    Its conversation, its cause and its trace stay.
    """
    members: dict[str, Any] = from_json(body)
    event = without_replay(without(members))
    event = {name: value for name, value in event.items() if name not in LEFT_OUT}
    event |= replay_attributes(replay_id, addressee_of(letter, options))
    event |= _data(members, options.data)
    trace = TraceContext.parse(event.get("traceparent"), event.get("tracestate"))
    headers = {} if trace is None else trace.attributes
    metadata = {PARTITION_KEY: letter.key} if letter.key else {}
    traceid = "" if event.get("traceid") else headers.get("traceparent", "")
    return Publication(letter.pubsub, options.to or letter.topic, to_json(event), metadata, headers, traceid)


def revised(body: bytes, data: object) -> bytes:
    """The event that `body` is, with other `data`."""
    members: dict[str, Any] = from_json(body)
    others = {name: value for name, value in members.items() if name not in ("data", "data_base64")}
    return to_json({**others, **_data(members, data)})


def addressee_of(letter: Letter, options: ReplayOptions) -> str:
    """The app that alone is to take it; empty where it is for everybody."""
    if options.app_id:
        return options.app_id
    return "" if options.everybody or options.to else letter.app_id


def _data(members: Mapping[str, Any], data: object) -> dict[str, object]:
    if data is AS_IT_IS:
        return {name: members[name] for name in ("data", "data_base64") if name in members}
    if isinstance(data, bytes):
        return {
            "data_base64": base64.b64encode(data).decode("ascii"),
            "datacontenttype": "application/octet-stream",
        }
    return {"data": data, "datacontenttype": "application/json"}
