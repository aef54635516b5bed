"""From what lies on a dead letter topic to what is kept of it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, TypeAlias

from pydantic_core import from_json, to_json

from outboard.kit.deadletters.port import UNKNOWN_REASON, NewLetter
from outboard.kit.subscriptions.dead_letter import Envelope, read_envelope
from outboard.wire.deadletters import SIZE, DeadLetterAttributes, DeadLetterOrigin
from outboard.wire.events import Event, EventCodec
from outboard.wire.replays import replay_id
from outboard.wire.sensitive import Masking

__all__ = ["LetterCodec", "ModelOf", "letter_in", "new_letter"]

ModelOf: TypeAlias = Callable[[str, str], EventCodec[Any] | None]
"""From a pub/sub component and a topic to the codec of its events; None where nobody declares the topic."""

ANY_EVENT: Final = EventCodec(object)


class LetterCodec(EventCodec[object]):
    """Reads whatever lies on a dead letter topic: nothing there may fail, and hold the others up."""

    def __init__(self) -> None:
        super().__init__(object)

    def decode(self, body: bytes, headers: Mapping[str, str] | None = None) -> Event[object]:
        """An event whose data is the `Envelope`."""
        envelope = read_envelope(body, {} if headers is None else headers)
        source, id = envelope.identity
        return Event[object].model_construct(id=id, source=source, data=envelope)


def letter_in(event: Event[object]) -> Envelope:
    """The envelope that `LetterCodec` has read, or of an event that was read by another one."""
    if isinstance(event.data, Envelope):
        return event.data
    return read_envelope(ANY_EVENT.encode(event), {})


def new_letter(envelope: Envelope, pubsub: str, dead_letter_topic: str, model_of: ModelOf) -> NewLetter:
    """What is kept of a letter on `dead_letter_topic` of `pubsub`."""
    members = envelope.members
    said = DeadLetterAttributes.read(members)
    origin = DeadLetterOrigin.read(said.origin if said else "")
    topic = origin.topic or _topic_in(members, dead_letter_topic)
    masking = Masking()
    shown = _shown(members, model_of(origin.pubsub or pubsub, topic), masking)
    source, id = envelope.identity
    return NewLetter(
        app_id=origin.app_id,
        pubsub=origin.pubsub or pubsub,
        topic=topic,
        route=origin.route,
        dead_letter_topic=dead_letter_topic,
        source=source,
        event_id=id,
        event_type=str(members.get("type", "")),
        key=envelope.key or "",
        error=said.error if said else "",
        reason=masking.masked(said.reason) if said else UNKNOWN_REASON,
        attempts=said.attempts if said else None,
        dead_at=_moment(said.time) if said else None,
        replay_id=replay_id(members),
        is_cut=SIZE in members,
        body=to_json(members),
        shown=shown,
    )


def _topic_in(members: Mapping[str, Any], dead_letter_topic: str) -> str:
    """Dapr writes into an event where it was published to; the letter of a sidecar is the event unchanged."""
    topic = members.get("topic")
    return topic if isinstance(topic, str) and topic != dead_letter_topic else ""


def _shown(members: Mapping[str, Any], codec: EventCodec[Any] | None, masking: Masking) -> str | None:
    """The data for others to see; None where nobody knows what of it is sensitive."""
    if codec is None:
        return None
    try:
        return codec.masked(codec.decode(to_json(members)).data, masking)
    except Exception:  # it is not of the model; and a validator of the author's may fail in its own way
        return codec.masked_misfit(_as_json(members.get("data")), masking) if "data" in members else ""


def _as_json(data: object) -> object:
    """Data that is JSON text, where it is a text for no other reason."""
    if not isinstance(data, str):
        return data
    try:
        return from_json(data)
    except ValueError:
        return data


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None
