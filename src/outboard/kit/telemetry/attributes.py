"""The attributes of spans, links and measurements. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from outboard.kit.telemetry.conventions import (
    CONSUMER_GROUP,
    CONVERSATION_ID,
    DESTINATION_NAME,
    ENVELOPE_SIZE,
    ERROR_TYPE,
    KAFKA_OFFSET,
    MESSAGE_ID,
    MESSAGING_SYSTEM,
    OPERATION_NAME,
    OPERATION_TYPE,
    PARTITION_ID,
    PUBSUB_NAME,
    SERVER_ADDRESS,
    SERVER_PORT,
    SYSTEM,
)
from outboard.wire.cloudevents import CORRELATION_ID
from outboard.wire.events import Event

__all__ = [
    "Attributes",
    "error_type",
    "of_destination",
    "of_group",
    "of_message",
    "of_operation",
    "of_position",
    "of_server",
    "of_size",
]

Attributes: TypeAlias = dict[str, str | int]

PORTS = {"http": 80, "https": 443}


def of_server(endpoint: str) -> Attributes:
    """Where the sidecar is, of its `endpoint`: scheme, host and port."""
    parts = urlsplit(endpoint)
    port = parts.port or PORTS.get(parts.scheme)
    return {SERVER_ADDRESS: parts.hostname or "", **({} if port is None else {SERVER_PORT: port})}


def of_destination(pubsub: str, topic: str) -> Attributes:
    """Which topic, of which component."""
    return {MESSAGING_SYSTEM: SYSTEM, DESTINATION_NAME: topic, PUBSUB_NAME: pubsub}


def of_operation(name: str, type: str) -> Attributes:
    """What is done: `name` in our words, `type` in those of the conventions."""
    return {OPERATION_NAME: name, OPERATION_TYPE: type}


def of_message(event: Event[Any]) -> Attributes:
    """Which event, and the conversation that it belongs to."""
    said = event.extensions.get(CORRELATION_ID)
    return {MESSAGE_ID: event.id, **({CONVERSATION_ID: str(said)} if said else {})}


def of_group(group: str) -> Attributes:
    """Which consumer group, where that is known."""
    return {CONSUMER_GROUP: group} if group else {}


def of_position(headers: Mapping[str, str]) -> Attributes:
    """Where the broker keeps it, of the headers of its delivery, as far as the sidecar says so."""
    found: Attributes = {}
    if partition := headers.get("__partition"):
        found[PARTITION_ID] = partition
    if (offset := headers.get("__offset", "")).isdecimal():
        found[KAFKA_OFFSET] = int(offset)
    return found


def of_size(body: bytes) -> Attributes:
    """How large the event is, with its attributes, in bytes."""
    return {ENVELOPE_SIZE: len(body)}


def error_type(error: BaseException) -> Attributes:
    """The class of what went wrong."""
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return {ERROR_TYPE: f"{module}{kind.__qualname__}"}
