"""Dapr's own names: paths, headers, metadata keys, environment variables, statuses, error codes.

Source: the Dapr API reference (pub/sub, state, metadata, health) and daprd 1.18.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

__all__ = ["DeliveryStatus", "ErrorCode"]

API_TOKEN_HEADER: Final = "dapr-api-token"
APP_ID_HEADER: Final = "dapr-app-id"
CALLER_HEADER: Final = "dapr-caller-app-id"
CALLER_NAMESPACE_HEADER: Final = "dapr-caller-namespace"
CALLEE_HEADER: Final = "dapr-callee-app-id"
DESTINATION_HEADER: Final = "destination-app-id"
"""What sidecars tell each other, and no app."""
PUBSUB_NAME_HEADER: Final = "pubsubname"
ORDERED_BULK_HEADER: Final = "outboard-ordered-bulk"
"""Outboard's own: where it is "true", a bulk publish to this component keeps the order of each key."""

SUBSCRIBE_PATH: Final = "/dapr/subscribe"
CONFIG_PATH: Final = "/dapr/config"
PUBLISH_PATH: Final = "/v1.0/publish"
BULK_PUBLISH_PATH: Final = "/v1.0/publish/bulk"
BULK_PUBLISH_ALPHA_PATH: Final = "/v1.0-alpha1/publish/bulk"
STATE_PATH: Final = "/v1.0/state"
HEALTH_PATH: Final = "/v1.0/healthz"
OUTBOUND_HEALTH_PATH: Final = "/v1.0/healthz/outbound"
METADATA_PATH: Final = "/v1.0/metadata"
INVOKE_PATH: Final = "/v1.0/invoke/*"

METADATA_QUERY_PREFIX: Final = "metadata."
PARTITION_KEY: Final = "partitionKey"
RAW_PAYLOAD: Final = "rawPayload"
TTL_IN_SECONDS: Final = "ttlInSeconds"

DEFAULT_HTTP_PORT: Final = 3500
DEFAULT_GRPC_PORT: Final = 50001
LIST_SUBSCRIPTIONS: Final = "/dapr.proto.runtime.v1.AppCallback/ListTopicSubscriptions"
"""Where an app over gRPC tells what it subscribes to."""
DEFAULT_MAX_BODY_BYTES: Final = 4 * 1024 * 1024

EVENT_TYPE: Final = "com.dapr.event.sent"
BULK_EVENT_TYPE: Final = "com.dapr.event.sent.bulk"
DEFAULT_SOURCE: Final = "Dapr"


class DeliveryStatus(StrEnum):
    """What a handler tells the sidecar about an event (Dapr pub/sub API, "Expected HTTP Response")."""

    SUCCESS = "SUCCESS"
    RETRY = "RETRY"
    DROP = "DROP"


class ErrorCode(StrEnum):
    """The `errorCode` of daprd's error bodies that a client tells apart."""

    PUBSUB_NOT_FOUND = "ERR_PUBSUB_NOT_FOUND"
    PUBSUB_FORBIDDEN = "ERR_PUBSUB_FORBIDDEN"
    PUBSUB_PUBLISH_MESSAGE = "ERR_PUBSUB_PUBLISH_MESSAGE"
    STATE_STORE_NOT_FOUND = "ERR_STATE_STORE_NOT_FOUND"
    STATE_STORE_NOT_CONFIGURED = "ERR_STATE_STORE_NOT_CONFIGURED"
    DIRECT_INVOKE = "ERR_DIRECT_INVOKE"
