"""What the hops of a test tell of the events of a topic: deliveries, dead letters, and a line each. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from outboard.gojson.values import Json
from outboard.hops.record import Hop, HopKind
from outboard.wire.deadletters import DeadLetterAttributes

__all__ = [
    "DeadLetter",
    "Delivery",
    "dead_letters",
    "deliveries",
    "is_dead_letter",
    "of_kind",
    "payload_id",
    "told",
]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One time that an app was given an event.

    `outcome` is SUCCESS, RETRY or DROP; `attempt` counts from 1.
    """

    app_id: str
    event_id: str
    attempt: int
    outcome: str
    detail: str


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event on a dead letter topic. `origin` is empty where the sidecar, not the kit, put it there."""

    event_id: str
    reason: str
    origin: str
    attempts: int
    data: Json
    payload: bytes


def of_kind(hops: Sequence[Hop], pubsub: str, topic: str, kind: HopKind) -> list[Hop]:
    """Those of one kind, on one topic of one pub/sub component, in their order."""
    return [hop for hop in hops if (hop.kind, hop.pubsub, hop.topic) == (kind, pubsub, topic)]


def deliveries(hops: Sequence[Hop], pubsub: str, topic: str) -> list[Delivery]:
    """Every delivery of an event of `topic`, redeliveries included."""
    return [
        Delivery(hop.app_id, payload_id(hop.payload), hop.attempt, hop.outcome, hop.detail)
        for hop in of_kind(hops, pubsub, topic, HopKind.DELIVERED)
    ]


def dead_letters(hops: Sequence[Hop], pubsub: str, topic: str) -> list[DeadLetter]:
    """What came from `topic` and was put on a dead letter topic, by the kit or by the sidecar."""
    return [_dead_letter(hop) for hop in hops if hop.pubsub == pubsub and _origin(hop, hops) == topic]


@lru_cache(maxsize=10_000)  # each hop of an event asks again
def payload_id(payload: bytes) -> str:
    """The id of the event in `payload`, empty where it has none.

    It stays the same where a payload is delivered raw: its event is made anew each time, with another id.
    """
    return str(_members(payload).get("id", ""))


def is_dead_letter(hop: Hop) -> bool:
    """Whether the event says that it is one: the kit's do."""
    return DeadLetterAttributes.read(_members(hop.payload)) is not None


def told(hops: Sequence[Hop], most: int = 30) -> str:
    """The last hops, a line each, for a person who looks for an event."""
    if not hops:
        return "  nothing: no event was published."
    cut = [f"  ({len(hops) - most} earlier hops)"] if len(hops) > most else []
    return "\n".join([*cut, *(_line(hop) for hop in hops[-most:])])


def _line(hop: Hop) -> str:
    outcome = f" {hop.outcome}" if hop.outcome else ""
    attempt = f" (attempt {hop.attempt})" if hop.attempt else ""
    detail = f": {hop.detail}" if hop.detail else ""
    where = f"{hop.pubsub}/{hop.topic}"
    what = "published" if hop.kind is HopKind.STORED else hop.kind
    return f"  {hop.app_id}: {payload_id(hop.payload)} of {where} {what}{outcome}{attempt}{detail}"


def _origin(hop: Hop, hops: Sequence[Hop]) -> str | None:
    """The topic that a dead letter comes from, empty where nobody knows; None for any other hop."""
    named = _named_origin(hop)
    if named != "":
        return named
    # A message that the sidecar put there is unchanged, and need not say where it came from.
    same = (each for each in hops if each.kind is HopKind.STORED and each.payload == hop.payload)
    return next((each.topic for each in same), "")


def _named_origin(hop: Hop) -> str | None:
    """The topic that a dead letter names, empty where it names none; None for any other hop."""
    if hop.kind is HopKind.DEAD_LETTERED:
        return str(_members(hop.payload).get("topic", ""))
    if hop.kind is HopKind.STORED and (attributes := DeadLetterAttributes.read(_members(hop.payload))):
        return attributes.topic
    return None


def _dead_letter(hop: Hop) -> DeadLetter:
    members = _members(hop.payload)
    found = DeadLetterAttributes.read(members) or DeadLetterAttributes(hop.detail, "", None, "")
    return DeadLetter(
        event_id=payload_id(hop.payload),
        reason=found.reason,
        origin=found.origin,
        attempts=hop.attempt if found.attempts is None else found.attempts,
        data=members.get("data"),
        payload=hop.payload,
    )


def _members(payload: bytes) -> dict[str, Json]:
    """The members of an envelope; empty where the payload is not one."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
