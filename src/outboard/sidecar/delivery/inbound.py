"""A message from the broker, made ready for the app: read as a CloudEvent, checked, routed. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from outboard.gojson import encoding
from outboard.gojson.rawjson import JsonTextError
from outboard.gojson.values import Json
from outboard.hops.record import EventIdentity
from outboard.sidecar.components.port import Message
from outboard.sidecar.events import envelope, fast_path, received
from outboard.sidecar.events.identity import identity_of, raw_identity
from outboard.sidecar.events.received import PUBSUB_NAME, Incoming
from outboard.sidecar.subscriptions.routes import RouteFailed, Routes
from outboard.wire import dapr
from outboard.wire.subscriptions import Subscription

__all__ = ["Arrived", "Failed", "Reader", "Skipped"]

CONTENT_TYPE: Final = "content-type"
PUBLISHED_RAW: Final = (
    "It takes CloudEvents, and what was published with `rawPayload` need not be one: publish without it, or "
    'give the subscription the metadata `rawPayload: "true"`'
)
BAD_FLAG: Final = 'Give the subscription the metadata `rawPayload: "true"` or `"false"`'
BAD_RULE: Final = "Correct the rule, or guard it with `has(...)`"


class Arrived(NamedTuple):
    """A message as it came to a subscription of pub/sub component `pubsub`."""

    message: Message
    pubsub: str

    @property
    def metadata(self) -> dict[str, str]:
        """The message's, with what daprd adds: so the app and the dead letter topic get it."""
        metadata = dict(self.message.metadata)
        if self.message.content_type is not None:
            metadata[CONTENT_TYPE] = self.message.content_type
        metadata[PUBSUB_NAME] = self.pubsub
        return metadata


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not for the app, and acknowledged: expired, or without a matching rule (`unrouted`)."""

    reason: str
    unrouted: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """Cannot be delivered, now or later: no CloudEvent, or its rules fail. `advice` is for a person."""

    reason: str
    error: str
    advice: str


class Reader:
    """Reads the messages of one subscription. `new_id` names events that are made of raw payloads where the
    broker does not tell their place; `topic_there` is what it calls the topic.
    """

    def __init__(
        self, subscription: Subscription, routes: Routes, new_id: Callable[[], str], topic_there: str = ""
    ) -> None:
        self._subscription = subscription
        self._topic_there = topic_there or subscription.topic
        self._routes = routes
        self._new_id = new_id
        raw = bool(subscription.metadata.get(dapr.RAW_PAYLOAD))
        self._common_path = None if raw else routes.only_path
        self._where = f"in pubsub {subscription.pubsub_name} and topic {subscription.topic}"

    def read(self, arrived: Arrived, now: Callable[[], datetime]) -> Incoming | Skipped | Failed:
        """What is to be done with a message. `now` gives an aware time."""
        return self._common(arrived.message) or self._any(arrived, now())

    def identity_of(self, message: Message) -> EventIdentity:
        """By which a message is known that is not delivered."""
        try:
            raw = envelope.is_raw_payload(self._subscription.metadata)
        except ValueError:
            raw = False
        return raw_identity(message, self._topic_there) if raw else identity_of(message)

    def _common(self, message: Message) -> Incoming | None:
        """The event of nearly every message. None where there is anything to consider: then `_any` does."""
        path = self._common_path
        if path is None or message.content_type is not None or CONTENT_TYPE in message.metadata:
            return None
        if message.known is not None:
            return Incoming(message.known, message.data, path, self._subscription.topic, whole=False)
        # In a batch each entry is written anew, with numbers as doubles; alone it is sent as it lies there.
        bulk = self._subscription.bulk.enabled
        event = fast_path.read_alike(message.data) if bulk else fast_path.read_event(message.data)
        if not event or "expiration" in event:
            return None
        if not bulk:
            received.add_trace(event, message.metadata)
        return Incoming(event, message.data, path, self._subscription.topic, whole=False)

    def _any(self, arrived: Arrived, now: datetime) -> Incoming | Skipped | Failed:
        where = self._where
        try:
            event, data = self._event(arrived)
        except JsonTextError as error:
            return Failed(f"error deserializing cloud event {where}: {error}", str(error), PUBLISHED_RAW)
        except ValueError as error:
            return Failed(f"error deserializing pubsub metadata: {error}", str(error), BAD_FLAG)
        if received.has_expired(event, now):
            expired = f"dropping expired pub/sub event {event.get('id')} as of {event.get('expiration')}"
            return Skipped(expired)
        try:
            path = self._routes.path_for(event)
        except RouteFailed as error:
            reason = f"error finding matching route for event {event.get('id')} {where}: {error}"
            return Failed(reason, str(error), BAD_RULE)
        if path is None:
            unrouted = f"no matching route for event {event.get('id')} {where}; skipping"
            return Skipped(unrouted, unrouted=True)
        return Incoming(event, data, path, self._subscription.topic)

    def _event(self, arrived: Arrived) -> tuple[Mapping[str, Json], bytes]:
        subscription, data, metadata = self._subscription, arrived.message.data, arrived.metadata
        if envelope.is_raw_payload(subscription.metadata):
            known_as = raw_identity(arrived.message, self._topic_there).event_id
            made = received.from_raw_payload(
                data,
                subscription.topic,
                subscription.pubsub_name,
                metadata,
                known_as or self._new_id(),
            )
            return made, json.dumps(made, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
        if envelope.media_type(metadata.get(CONTENT_TYPE, "")) == envelope.OCTET_STREAM:
            return received.from_headers(metadata, metadata[CONTENT_TYPE]), data
        event = received.parse_event(data)
        if subscription.bulk.enabled:
            return event, encoding.encode(dict(event)) if event else data.strip()
        received.add_trace(event, metadata)
        return event, data
