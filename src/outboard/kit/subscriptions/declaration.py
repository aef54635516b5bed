"""What an author declares with `@topic.subscribe(...)`, as frozen values."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Final,
    Generic,
    Literal,
    ParamSpec,
    TypeAlias,
    TypedDict,
    TypeVar,
    get_args,
)

from outboard.errors import HandlerUnsuitable
from outboard.kit.arguments import shown
from outboard.kit.names import check_name
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.deadletters import default_topic
from outboard.wire.events import Event, EventCodec

if TYPE_CHECKING:
    from fastapi import APIRouter

__all__ = [
    "DEFAULT_DEAD_LETTER",
    "BatchDecorator",
    "BulkOptions",
    "DeadLetterPolicy",
    "Declaration",
    "Default",
    "DropPolicy",
    "Handler",
    "HoldPolicy",
    "OnInvalid",
    "PoisonPolicy",
    "SubscribeArguments",
    "SubscribeDecorator",
    "SubscriptionOptions",
    "dead_letter_topic",
    "place_of",
]

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R", bound=DeliveryStatus | Awaitable[DeliveryStatus | None] | None)
Statuses: TypeAlias = Sequence[DeliveryStatus] | DeliveryStatus | None
S = TypeVar("S", bound=Statuses | Awaitable[Statuses])

Handler: TypeAlias = Callable[..., object]
OnInvalid: TypeAlias = Literal["hold", "drop"]


class Default(Enum):
    """Stands for "not given", where None has a meaning of its own."""

    DEFAULT = "default"


DEFAULT_DEAD_LETTER: Final = Default.DEFAULT


def dead_letter_topic(topic: str, dead_letter: str | Default | None) -> str | None:
    """The dead letter topic of `topic`. Raises InvalidName."""
    if isinstance(dead_letter, Default):
        return default_topic(topic)
    return None if dead_letter is None else check_name("dead letter topic", dead_letter)


@dataclass(frozen=True, slots=True)
class DeadLetterPolicy:
    """Poison is published to `topic`, and acknowledged."""

    topic: str


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """Poison is answered RETRY until somebody repairs what is wrong."""


@dataclass(frozen=True, slots=True)
class DropPolicy:
    """Poison is answered DROP."""


PoisonPolicy: TypeAlias = DeadLetterPolicy | HoldPolicy | DropPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkOptions:
    """How events come in bulk.

    `max_messages_count` and `max_await_duration_ms` bound one delivery: its events (0 leaves it to the
    sidecar: 100, with Kafka 80), and how long the sidecar may wait for them (0 stands for 10 ms).
    `concurrency` is the number of events of a delivery that are handled at once.
    Source: Dapr, "Publish and subscribe to bulk messages", `bulkSubscribe`.
    """

    max_messages_count: int = 0
    max_await_duration_ms: int = 0
    concurrency: int = 32


class SubscribeArguments(TypedDict, total=False):
    """The parameters that `Topic.subscribe` and `Topic.subscribe_batch` have in common, explained there."""

    router: APIRouter | None
    match: str
    priority: int
    dead_letter: str | Default | None
    on_invalid: OnInvalid
    announce_dead_letter: bool
    metadata: Mapping[str, str] | None
    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionOptions:
    """The arguments of `Topic.subscribe`. `dead_letter_named` tells a name given here from a default.

    `bulk` is None where bulk delivery is not asked for; `max_events` where the handler takes one event.
    """

    path: str
    router: APIRouter | None = None
    match: str = ""
    priority: int = 0
    dead_letter: str | None = None
    dead_letter_named: bool = False
    on_invalid: OnInvalid = "hold"
    announce: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    bulk: BulkOptions | None = None
    max_events: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One handler, and what it is for. `codec` is of the topic's type; `place` is "function (file:line)"."""

    pubsub: str
    topic: str
    handler: Handler
    codec: EventCodec[Any]
    options: SubscriptionOptions
    poison: PoisonPolicy
    place: str


@dataclass(frozen=True, slots=True)
class _Decorator(Generic[T]):
    pubsub: str
    topic: str
    codec: EventCodec[T]
    options: SubscriptionOptions
    declare: Callable[[Declaration], None]

    def _declare(self, handler: Handler) -> None:
        place = place_of(handler)
        declaration = Declaration(
            pubsub=self.pubsub,
            topic=self.topic,
            handler=handler,
            codec=self.codec,
            options=_checked(self.options, place),
            poison=_policy(self.options, self.topic, place),
            place=place,
        )
        self.declare(declaration)


class SubscribeDecorator(_Decorator[T]):
    """Declares the function that it decorates, and gives that function back."""

    __slots__ = ()

    def __call__(
        self, handler: Callable[Concatenate[Event[T], P], R]
    ) -> Callable[Concatenate[Event[T], P], R]:
        """Raises InvalidName, HandlerUnsuitable."""
        self._declare(handler)
        return handler


class BatchDecorator(_Decorator[T]):
    """Declares the function of batches that it decorates, and gives that function back."""

    __slots__ = ()

    def __call__(
        self, handler: Callable[Concatenate[Sequence[Event[T]], P], S]
    ) -> Callable[Concatenate[Sequence[Event[T]], P], S]:
        """Raises InvalidName, HandlerUnsuitable."""
        self._declare(handler)
        return handler


def _checked(options: SubscriptionOptions, place: str) -> SubscriptionOptions:
    _check_types(options, place)
    if not options.path.startswith("/") and (options.path or options.router is None):
        advice = "A path begins with '/'; on a router with a prefix it may be empty"
        raise HandlerUnsuitable(place, f"has the path {options.path!r}", advice)
    if any(character in options.path for character in "{}?#"):
        raise HandlerUnsuitable(place, f"has the path {options.path!r}", "A path has no parameters")
    _check_number(place, "max_events", 1 if options.max_events is None else options.max_events, 1)
    bulk = options.bulk or BulkOptions()
    _check_number(place, "max_messages_count", bulk.max_messages_count, 0)
    _check_number(place, "max_await_duration_ms", bulk.max_await_duration_ms, 0)
    _check_number(place, "concurrency", bulk.concurrency, 1)
    return options


def _check_types(options: SubscriptionOptions, place: str) -> None:
    metadata: object = options.metadata
    texts = isinstance(metadata, Mapping) and all(
        isinstance(text, str) for pair in metadata.items() for text in pair
    )
    for name, value, is_right, said in (
        ("path", options.path, isinstance(options.path, str), "a text"),
        ("match", options.match, isinstance(options.match, str), "a text, an expression in CEL"),
        ("priority", options.priority, isinstance(options.priority, int), "a whole number"),
        ("metadata", metadata, texts, "a mapping of texts to texts"),
        ("announce_dead_letter", options.announce, isinstance(options.announce, bool), "True or False"),
        ("name", options.name, isinstance(options.name, str | None), "a text"),
        ("bulk", options.bulk, isinstance(options.bulk, BulkOptions | None), "True, False or BulkOptions"),
    ):
        if not is_right:
            raise HandlerUnsuitable(place, f"has {name}={shown(value)}", f"It has to be {said}")


def _check_number(place: str, name: str, value: object, least: int) -> None:
    """`max_messages_count` and `max_await_duration_ms` are 32-bit integers in daprd."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < 2**31:
        raise HandlerUnsuitable(place, f"has {name}={value!r}", f"It is a whole number, {least} or more")


def _policy(options: SubscriptionOptions, topic: str, place: str) -> PoisonPolicy:
    name = options.dead_letter
    if options.announce and name is None:
        raise HandlerUnsuitable(place, "announces a dead letter topic, but has none", "Name one")
    if options.on_invalid not in get_args(OnInvalid):
        raise HandlerUnsuitable(place, f"has on_invalid={options.on_invalid!r}", "It is 'hold' or 'drop'")
    if options.on_invalid == "drop":
        if options.dead_letter_named and name is not None:
            advice = "Leave out one of them: a dropped event does not go there"
            raise HandlerUnsuitable(place, "has both a dead letter topic and on_invalid='drop'", advice)
        return DropPolicy()
    if name is None:
        return HoldPolicy()
    if name == topic:
        raise HandlerUnsuitable(place, "has its own topic for a dead letter topic", "Name another topic")
    return DeadLetterPolicy(check_name("dead letter topic", name))


def place_of(handler: Handler) -> str:
    """Where a function comes from, for a person: "name (file:line)"."""
    name = getattr(handler, "__qualname__", None) or type(handler).__name__
    code = getattr(inspect.unwrap(handler), "__code__", None)
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else str(name)
