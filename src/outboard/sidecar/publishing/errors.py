"""daprd's errors about publishing.

Source: Dapr, "Error codes reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from outboard.resources.left_out import LeftOut
from outboard.sidecar.components.unavailable import explained
from outboard.sidecar.errors import ApiError, ErrorInfo, ResourceInfo
from outboard.sidecar.publishing.pubsubs import PublishNotAllowed, PubSubUnknown
from outboard.sidecar.publishing.requests import PublishRequest

__all__ = [
    "PUBLISH_MESSAGE",
    "entries_undecodable",
    "entry_ids_not_unique",
    "entry_unfit",
    "envelope_failed",
    "metadata_unreadable",
    "name_empty",
    "not_found",
    "not_published",
    "publish_message",
    "topic_empty",
    "undeliverable",
]

EVENTS_SER: Final = "ERR_PUBSUB_EVENTS_SER"
PUBLISH_MESSAGE: Final = "ERR_PUBSUB_PUBLISH_MESSAGE"
NOT_UNIQUE: Final = "entryId is duplicated or not present for entry"


def not_found(request: PublishRequest, left_out: Sequence[LeftOut]) -> ApiError:
    """There is no such component, which is found before anything else is looked at."""
    info = ErrorInfo("DAPR_PUBSUB_NOT_FOUND", request.metadata)
    message = explained(f"pubsub {request.pubsub} is not found", request.pubsub, left_out)
    return ApiError(404, "ERR_PUBSUB_NOT_FOUND", message, info)


def name_empty(request: PublishRequest) -> ApiError:
    """No component is named. A request over HTTP that names none has no route."""
    told = dict(request.metadata)
    return _error(404, "ERR_PUBSUB_EMPTY", "pubsub name is empty", request, "NAME_EMPTY", told)


def topic_empty(request: PublishRequest) -> ApiError:
    """No topic is named. A request over HTTP that names none has no route."""
    message = f"topic is empty in pubsub {request.pubsub}"
    told = dict(request.metadata)
    return _error(404, "ERR_TOPIC_NAME_EMPTY", message, request, "TOPIC_NAME_EMPTY", told)


def metadata_unreadable(request: PublishRequest, error: Exception) -> ApiError:
    """The metadata of the request says something that is neither true nor false."""
    message = f"failed deserializing metadata. Error: {error}"
    code, metadata = "ERR_PUBSUB_REQUEST_METADATA", dict(request.metadata)
    return _error(400, code, message, request, "METADATA_DESERIALIZATION", metadata)


def undeliverable(request: PublishRequest, problem: str) -> ApiError:
    """What is published would be taken by the broker, and by no app: at each delivery it would fail."""
    message = f"the event for {_target(request)} could never be delivered: {problem}"
    told = {"topic": request.topic, "error": problem}
    return _error(400, "ERR_PUBSUB_REQUEST_METADATA", message, request, "UNDELIVERABLE", told)


def envelope_failed(request: PublishRequest, app_id: str, error: Exception) -> ApiError:
    """What says that it is a CloudEvent in JSON is none."""
    told = {"appID": app_id, "error": str(error)}
    message, reason = "cannot create cloudevent", "CLOUD_EVENT_CREATION"
    return _error(500, "ERR_PUBSUB_CLOUD_EVENTS_SER", message, request, reason, told)


def entries_undecodable(request: PublishRequest, app_id: str, error: Exception) -> ApiError:
    """The body of a bulk request is not a list of entries."""
    message = f"error when unmarshaling the request for {_target(request)}: {error}"
    return _error(400, EVENTS_SER, message, request, "UNMARSHAL_EVENTS", {"appID": app_id})


def entry_unfit(request: PublishRequest, app_id: str, error: Exception) -> ApiError:
    """The event of an entry is not what its content type says."""
    message = f"error when marshalling cloud event envelope for {_target(request)}: {error}"
    told = {"appID": app_id, "error": str(error)}
    return _error(400, EVENTS_SER, message, request, "MARSHAL_ENVELOPE", told)


def entry_ids_not_unique(request: PublishRequest, app_id: str) -> ApiError:
    """An entry has no id, or the id of another one."""
    message = f"error marshaling events to bytes for {_target(request)}. error: {NOT_UNIQUE}"
    told = {"appID": app_id, "error": NOT_UNIQUE}
    return _error(400, EVENTS_SER, message, request, "MARSHAL_EVENTS", told)


def not_published(request: PublishRequest, error: Exception) -> ApiError:
    """The broker did not get it: `error` says why."""
    told = {"topic": request.topic, "error": str(error)}
    if isinstance(error, PublishNotAllowed):
        return _error(403, "ERR_PUBSUB_FORBIDDEN", str(error), request, "FORBIDDEN", told)
    if isinstance(error, PubSubUnknown):
        return _error(400, "ERR_PUBSUB_NOT_FOUND", str(error), request, "TEST_NOT_FOUND", told)
    message = publish_message(request, str(error))
    return _error(500, PUBLISH_MESSAGE, message, request, "PUBLISH_MESSAGE", told)


def publish_message(request: PublishRequest, reason: str) -> str:
    """daprd's sentence about what a broker did not take."""
    return f"error when publishing to topic {request.topic} in pubsub {request.pubsub}: {reason}"


def _target(request: PublishRequest) -> str:
    return f"topic {request.topic} pubsub {request.pubsub}"


def _error(
    status: int,
    code: str,
    message: str,
    request: PublishRequest,
    reason: str,
    metadata: dict[str, str] | None,
) -> ApiError:
    """A pub/sub error with its two usual details."""
    resource = ResourceInfo("pubsub", request.pubsub, message)
    return ApiError(status, code, message, resource, ErrorInfo(f"DAPR_PUBSUB_{reason}", metadata))
