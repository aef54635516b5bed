"""A topic, typed by the data of its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar
from uuid import uuid4

from outboard.kit.subscriptions.declaration import (
    DEFAULT_DEAD_LETTER,
    Default,
    OnInvalid,
    SubscribeDecorator,
    SubscriptionOptions,
)
from outboard.kit.topics.envelope import check_extensions, publish_metadata
from outboard.kit.topics.publisher import EventPublisher
from outboard.kit.ttl import Ttl
from outboard.wire.cloudevents import AttributeValue
from outboard.wire.events import Event, EventCodec

if TYPE_CHECKING:
    from fastapi import APIRouter

    from outboard.kit.subscriptions.registry import Registry

__all__ = ["EventType", "Topic"]

T = TypeVar("T")

EventType: TypeAlias = str | Callable[[T], str]


@dataclass(frozen=True, eq=False, slots=True)
class Topic(Generic[T]):
    """One topic of one pub/sub component. `board.topic(...)` makes it.

    `type` is the CloudEvents type of what is published, or a function from the data to it.
    """

    name: str
    pubsub: str
    codec: EventCodec[T]
    type: EventType[T]
    dead_letter: str | None
    publisher: EventPublisher
    registry: Registry

    async def publish(
        self,
        data: T,
        *,
        key: str | None = None,
        id: str | None = None,
        type: str | None = None,
        subject: str | None = None,
        extensions: Mapping[str, AttributeValue] | None = None,
        ttl: Ttl | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Event[T]:
        """Publish `data` as a CloudEvent and return the event, once the broker has it.

        `key` orders events: those with the same key are delivered in the order of their publishing, where
        the broker can do that (Dapr's `partitionKey`). `ttl` (seconds, or a timedelta) is the time after
        which the event is not delivered any more. `metadata` is passed to the component. `timeout`, in
        seconds, bounds the whole call; a sidecar that is not there yet is waited for that long.

        Raises SidecarUnavailable, PubSubNotFound, PublishForbidden, EventTooLarge, TokenRejected,
        PublishFailed; InvalidEventData and InvalidCloudEvent where the event itself cannot be.
        """
        event: Event[T] = Event.model_construct(
            None,
            **dict(check_extensions(extensions or {})),
            id=str(uuid4()) if id is None else id,
            source="",
            type=type or (self.type if isinstance(self.type, str) else self.type(data)),
            subject=subject,
            data=data,
        )
        return await self.publish_event(event, key=key, ttl=ttl, metadata=metadata, timeout=timeout)

    async def publish_event(
        self,
        event: Event[T],
        *,
        key: str | None = None,
        ttl: Ttl | None = None,
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Event[T]:
        """Publish an event that keeps the attributes it has; what is missing is filled in.

        Parameters and errors as of `publish`.
        """
        pairs = publish_metadata(key, ttl, metadata)
        return await self.publisher.send(event, self.codec, self.pubsub, self.name, pairs, timeout)

    def subscribe(
        self,
        path: str,
        *,
        router: APIRouter | None = None,
        match: str = "",
        priority: int = 0,
        dead_letter: str | Default | None = DEFAULT_DEAD_LETTER,
        on_invalid: OnInvalid = "hold",
        announce_dead_letter: bool = False,
        metadata: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> SubscribeDecorator[T]:
        """Decorate a function that handles the events of this topic; `path` becomes its POST route.

        The function takes `Event[T]` first, then whatever FastAPI can inject. What it does decides:
        it returns (or returns DeliveryStatus.SUCCESS): handled; it raises, or returns RETRY: delivered
        again; it raises `Drop("why")`: poison, as are events that are not valid.

        `router` is an APIRouter that the app includes; without one, every app that the board is mounted on
        serves the route. Of several handlers of one topic, the first in order of `priority` whose
        `match` (a CEL expression over `event`) is true gets the event; one without `match` takes the rest.

        Poison is published to `dead_letter` ("<topic>-dead" unless the topic or this call names another).
        With `dead_letter=None` it is held: delivered again until somebody repairs what is wrong;
        `on_invalid="drop"` drops it instead, with a warning. `announce_dead_letter=True` tells the sidecar of
        the dead letter topic too: without a retry policy, daprd then uses it at the first failure.
        `metadata` is that of the subscription; `name` is the name of the route.

        Raises InvalidName, HandlerUnsuitable.
        """
        options = SubscriptionOptions(
            path=path,
            router=router,
            match=match.strip(),
            priority=priority,
            dead_letter=self.dead_letter if isinstance(dead_letter, Default) else dead_letter,
            dead_letter_named=not isinstance(dead_letter, Default),
            on_invalid=on_invalid,
            announce=announce_dead_letter,
            metadata=dict(metadata or {}),
            name=name,
        )
        return SubscribeDecorator(self.pubsub, self.name, self.codec, options, self.registry.add)
