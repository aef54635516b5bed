"""Topics that are published to and that nobody takes: who takes the near one. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from outboard.hops.deliveries import is_dead_letter
from outboard.hops.record import Hop, HopKind

__all__ = ["Taker", "nearest", "untaken"]

LIKENESS: Final = 0.6


class Taker(NamedTuple):
    """An app that gets the events of one topic."""

    app_id: str
    pubsub: str
    topic: str


def nearest(pubsub: str, topic: str, takers: Collection[Taker]) -> str:
    """A question about the topic that was meant, perhaps; empty where none is like it."""
    for taker in takers:
        if taker.topic == topic and taker.pubsub != pubsub:
            return f"Did you mean the one of `{taker.pubsub}`, which {taker.app_id} takes?"
    known = {taker.topic.lower(): taker for taker in takers if taker.pubsub == pubsub}
    for name in difflib.get_close_matches(topic.lower(), known, n=1, cutoff=LIKENESS):
        return f"Did you mean `{known[name].topic}`, which {known[name].app_id} takes?"
    return ""


def untaken(hops: Sequence[Hop], takers: Collection[Taker]) -> list[str]:
    """A line for each topic that is published to and that none of `takers` takes, but for dead letters."""
    taken = {(taker.pubsub, taker.topic) for taker in takers}
    lines: dict[tuple[str, str], str] = {}
    for hop in hops:
        where = hop.pubsub, hop.topic
        if hop.kind is HopKind.STORED and where not in taken | lines.keys() and not is_dead_letter(hop):
            said = f"  no app takes '{hop.topic}' of '{hop.pubsub}', which {hop.app_id} publishes to. "
            lines[where] = (said + nearest(*where, takers)).rstrip()
    return list(lines.values())
