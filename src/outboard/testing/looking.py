"""What was published in a test, by its topic or by the type of its data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args, overload

from outboard.hops.record import Hop, HopKind
from outboard.kit.arguments import wrong
from outboard.kit.topic import Topic
from outboard.wire.events import Event, EventCodec

__all__ = ["name_of", "published_of"]

T = TypeVar("T")
Codecs = Mapping[tuple[str, str], EventCodec[Any]]


@overload
def published_of(what: Topic[T], hops: Sequence[Hop], codecs: Iterable[Codecs]) -> list[Event[T]]: ...
@overload
def published_of(what: type[T], hops: Sequence[Hop], codecs: Iterable[Codecs]) -> list[Event[T]]: ...
def published_of(what: Topic[T] | type[T], hops: Sequence[Hop], codecs: Iterable[Codecs]) -> list[Event[T]]:
    """The events of a topic, or those whose data is a `what`, of any topic with such a model.

    Raises TypeError for what is neither, and for a type that no topic of `codecs` has; InvalidCloudEvent and
    InvalidEventData for an event that is not what its topic says.
    """
    stored = [hop for hop in hops if hop.kind is HopKind.STORED]
    given: object = what
    if isinstance(given, Topic):
        topic: Topic[T] = given
        return [topic.codec.decode(hop.payload) for hop in stored if _is_of(hop, topic)]
    if not isinstance(given, type):
        wrong("what", "a Topic, or the class of its data", given)
    carrying = {
        place: codec
        for each in codecs
        for place, codec in each.items()
        if any(issubclass(kind, given) for kind in _classes(codec.model))
    }
    if not carrying:
        raise TypeError(
            f"no topic of the boards in this session has data of type {given.__name__}. Name a type that a "
            "topic was declared with, `board.topic(name, Model)`, or the topic itself"
        )
    decoded = (
        carrying[place].decode(hop.payload)
        for hop in stored
        if (place := (hop.pubsub, hop.topic)) in carrying
    )
    return [event for event in decoded if isinstance(event.data, given)]


def name_of(what: object) -> str:
    """As a person calls it."""
    return f"topic '{what.name}'" if isinstance(what, Topic) else str(getattr(what, "__name__", what))


def _is_of(hop: Hop, topic: Topic[T]) -> bool:
    return (hop.pubsub, hop.topic) == (topic.pubsub, topic.name)


def _classes(model: object) -> Iterator[type]:
    """The class, or those of a union or an annotated type."""
    if isinstance(model, type):
        yield model
    for part in get_args(model):
        yield from _classes(part)
