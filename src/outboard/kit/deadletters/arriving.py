"""What a letter means for one of the same event and handler that is kept already. Pure.

A dead letter topic is delivered at least once, so that the same letter may come again, late too. And an event
may become a dead letter several times: again after each replay.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum, auto

from outboard.kit.deadletters.port import LetterState, NewLetter

__all__ = ["Arrival", "KnownLetter", "arrival_of", "letter_name"]


class Arrival(Enum):
    """OLD: it was counted before. FAILED: the event has failed once more, and waits."""

    OLD = auto()
    FAILED = auto()


@dataclass(frozen=True, slots=True)
class KnownLetter:
    """Of a letter that is kept: when its event last became one, in milliseconds since 1970 (None where nobody
    said), and the last replay of it.
    """

    state: LetterState
    dead_at: int | None
    replay_id: str


def arrival_of(known: KnownLetter, letter: NewLetter) -> Arrival:
    """Whether `letter` tells something new of the event.

    The letters of one handler say when they were written. Those of a sidecar do not, but have in them which
    replay their event was of.
    """
    is_replaying = known.state in (LetterState.REPLAYING, LetterState.REPLAYED)
    if is_replaying and letter.replay_id and letter.replay_id == known.replay_id:
        return Arrival.FAILED
    dead_at = None if letter.dead_at is None else int(letter.dead_at.timestamp() * 1000)
    if dead_at is not None and known.dead_at is not None and dead_at > known.dead_at:
        return Arrival.FAILED
    return Arrival.OLD


def letter_name(letter: NewLetter) -> str:
    """By which letters of one event and one handler are one: a digest, as no index holds any length."""
    handler = (letter.app_id, letter.pubsub, letter.topic, letter.route, letter.dead_letter_topic)
    parts = (*handler, letter.source, letter.event_id)
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
