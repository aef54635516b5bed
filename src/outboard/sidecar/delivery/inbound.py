"""A message from the broker, made ready for the app: read as a CloudEvent, checked, routed. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from outboard.sidecar.components.port import Message
from outboard.sidecar.delivery.routing import RouteFailed, Routes
from outboard.sidecar.events import envelope, received
from outboard.sidecar.events.rawjson import JsonTextError
from outboard.wire import gojson
from outboard.wire.subscriptions import Json, Subscription

__all__ = ["Arrived", "Failed", "Incoming", "Skipped", "read_message"]

CONTENT_TYPE: Final = "content-type"
PUBSUB_NAME: Final = "pubsubName"


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it came, with the metadata that the app and the dead letter topic get."""

    message: Message
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event for `path` of the app. `data` is the body as it is sent."""

    event: Mapping[str, Json]
    data: bytes
    path: str

    @property
    def id(self) -> str:
        return str(self.event.get("id", ""))


@dataclass(frozen=True, slots=True)
class Skipped:
    """Not for the app, and acknowledged: expired, or without a matching rule."""

    reason: str
    level: str = "debug"


@dataclass(frozen=True, slots=True)
class Failed:
    """Cannot be delivered: no CloudEvent, or its rules fail."""

    reason: str
    error: str


def arrive(message: Message, pubsub: str) -> Arrived:
    """`message` with the metadata that daprd adds."""
    metadata = dict(message.metadata)
    if message.content_type is not None:
        metadata[CONTENT_TYPE] = message.content_type
    metadata[PUBSUB_NAME] = pubsub
    return Arrived(message, metadata)


def read_message(
    arrived: Arrived, subscription: Subscription, routes: Routes, now: datetime, new_id: Callable[[], str]
) -> Incoming | Skipped | Failed:
    """What is to be done with a message. `now` is aware; `new_id` names events made of raw payloads."""
    where = f"in pubsub {subscription.pubsub_name} and topic {subscription.topic}"
    try:
        event, data = _event(arrived, subscription, new_id)
    except JsonTextError as error:
        return Failed(f"error deserializing cloud event {where}: {error}", str(error))
    except ValueError as error:
        return Failed(f"error deserializing pubsub metadata: {error}", str(error))
    if received.has_expired(event, now):
        expired = f"dropping expired pub/sub event {event.get('id')} as of {event.get('expiration')}"
        return Skipped(expired, "warning")
    try:
        path = routes.path_for(event)
    except RouteFailed as error:
        reason = f"error finding matching route for event {event.get('id')} {where}: {error}"
        return Failed(reason, str(error))
    if path is None:
        return Skipped(f"no matching route for event {event.get('id')} {where}; skipping")
    return Incoming(event, data, path)


def _event(
    arrived: Arrived, subscription: Subscription, new_id: Callable[[], str]
) -> tuple[Mapping[str, Json], bytes]:
    data, metadata = arrived.message.data, arrived.metadata
    if envelope.is_raw_payload(subscription.metadata):
        made = received.from_raw_payload(data, subscription.topic, subscription.pubsub_name, metadata, new_id)
        return made, json.dumps(made, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    if envelope.media_type(metadata.get(CONTENT_TYPE, "")) == envelope.OCTET_STREAM:
        return received.from_headers(metadata, metadata[CONTENT_TYPE]), data
    event = received.parse_event(data)
    if subscription.bulk.enabled:
        return event, gojson.encode(dict(event)) if event else data.strip()  # each entry is written anew
    for name in received.TRACE_FIELDS:  # for the headers only; the body is sent as it lay on the broker
        if name not in event and name in metadata:
            event[name] = metadata[name]
    return event, data
