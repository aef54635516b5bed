"""Publishing over HTTP: one event, and many in one request.

Source: Dapr, "Pub/sub API reference"; daprd 1.18 for the order of the checks and the errors.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from outboard.clock import Clock
from outboard.gojson import decoding
from outboard.gojson.rawjson import JsonTextError, quote
from outboard.gojson.values import Json
from outboard.sidecar.api.http.bulk_entries import Entry, EntryInvalid, read_common_entries, read_entries
from outboard.sidecar.api.http.errors import ApiError, error_info, pubsub_error, rich
from outboard.sidecar.api.http.messages import EMPTY, ApiRequest, BodyTooLarge, Reply, json_reply
from outboard.sidecar.components.port import Message
from outboard.sidecar.events import fast_path
from outboard.sidecar.events.envelope import CLOUD_EVENT, Publication, is_raw_payload, wrap
from outboard.sidecar.publishing.pubsubs import Publisher, PublishNotAllowed, PubSubUnknown
from outboard.sidecar.resiliency.failure import Failure
from outboard.wire import dapr

__all__ = ["PublishApi"]

EVENTS_SER: Final = "ERR_PUBSUB_EVENTS_SER"
PUBLISH_MESSAGE: Final = "ERR_PUBSUB_PUBLISH_MESSAGE"
ORDERED: Final = EMPTY.with_headers({dapr.ORDERED_BULK_HEADER: "true"})


class PublishApi:
    """The handlers of `/v1.0/publish/...`."""

    def __init__(self, app_id: str, publisher: Publisher, clock: Clock, new_id: Callable[[], str]) -> None:
        self._app_id = app_id
        self._publisher = publisher
        self._clock = clock
        self._new_id = new_id

    async def publish(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/publish/{pubsub}/{topic}`: 204 once the broker has the event."""
        pubsub, topic = self._target(request)
        try:
            body = await request.body()
        except BodyTooLarge as error:
            raise self._not_published(pubsub, topic, error) from error
        message = self._message(request, pubsub, topic, body)
        try:
            await self._publisher.publish(pubsub, topic, message)
        except (PublishNotAllowed, PubSubUnknown, Failure) as error:
            raise self._not_published(pubsub, topic, error) from error
        return self._published(pubsub)

    async def publish_bulk(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/publish/bulk/{pubsub}/{topic}`: 204, or what was not published."""
        pubsub, topic = self._target(request)
        metadata = request.metadata
        raw = self._is_raw(pubsub, metadata)
        body = await self._bulk_body(request, pubsub, topic)
        sendable = None if raw else self._common_messages(request, pubsub, topic, body)
        if sendable is None:
            sendable = self._messages(request, pubsub, topic, body, raw)
        ids, messages = sendable
        try:
            failed = await self._publisher.publish_many(pubsub, topic, messages, metadata)
        except (PublishNotAllowed, PubSubUnknown) as error:
            raise self._not_published(pubsub, topic, error) from error
        reply = self._published(pubsub)
        if not failed:
            return reply
        return _bulk_reply(pubsub, topic, {ids[i]: str(error) for i, error in failed.items()}).with_headers(
            reply.headers
        )

    def _message(self, request: ApiRequest, pubsub: str, topic: str, body: bytes) -> Message:
        """What is published for the whole request."""
        metadata, content_type = request.metadata, request.headers.get("content-type", "")
        if self._is_raw(pubsub, metadata):
            return Message(body, metadata)
        common_one = (
            self._common_message(request, pubsub, topic, body) if content_type == CLOUD_EVENT else None
        )
        return common_one or Message(
            self._wrap(request, pubsub, topic, body, content_type, metadata), metadata
        )

    def _messages(
        self, request: ApiRequest, pubsub: str, topic: str, body: bytes, raw: bool
    ) -> tuple[list[str], list[Message]]:
        """The ids of the entries, and what is published for each."""
        entries = self._entries(body, pubsub, topic, request.metadata)
        messages = [
            Message(
                entry.data
                if raw
                else self._wrap(request, pubsub, topic, entry.data, entry.content_type, entry.metadata),
                entry.metadata or {},  # as daprd: the request's own reach only entries that have some
            )
            for entry in entries
        ]
        return [entry.entry_id for entry in entries], messages

    # The short way; None where there is anything to consider

    def _common_message(self, request: ApiRequest, pubsub: str, topic: str, body: bytes) -> Message | None:
        event, frame = fast_path.read_as_written(body), self._frame(request, pubsub, topic)
        return None if event is None or frame is None else frame.message(event, request.metadata)

    def _common_messages(
        self, request: ApiRequest, pubsub: str, topic: str, body: bytes
    ) -> tuple[list[str], list[Message]] | None:
        entries, frame = read_common_entries(body), self._frame(request, pubsub, topic)
        if entries is None or frame is None:
            return None
        messages = []
        for entry in entries:
            metadata = entry.metadata
            if metadata is not None and request.metadata:
                metadata = {**request.metadata, **metadata}
            message = frame.message(entry.event, metadata)
            if message is None:
                return None
            messages.append(message)
        return [entry.entry_id for entry in entries], messages

    def _frame(self, request: ApiRequest, pubsub: str, topic: str) -> fast_path.Frame | None:
        trace = request.trace
        features = self._publisher.pubsubs[pubsub].component.traits.features
        return fast_path.Frame.of(pubsub, topic, trace, self._now, features)

    def _published(self, pubsub: str) -> Reply:
        loaded = self._publisher.pubsubs.get(pubsub)
        return ORDERED if loaded is not None and loaded.orders_bulk else EMPTY

    def _target(self, request: ApiRequest) -> tuple[str, str]:
        pubsub, topic = request.parameters["pubsub"], request.parameters["topic"]
        if pubsub not in self._publisher.pubsubs:
            message = f"pubsub {pubsub} is not found"
            details = [error_info("DAPR_PUBSUB_NOT_FOUND", request.metadata)]
            raise rich(404, "ERR_PUBSUB_NOT_FOUND", message, details)
        return pubsub, topic

    def _is_raw(self, pubsub: str, metadata: Mapping[str, str]) -> bool:
        try:
            return is_raw_payload(metadata)
        except ValueError as error:
            message = f"failed deserializing metadata. Error: {error}"
            raise pubsub_error(
                400, "ERR_PUBSUB_REQUEST_METADATA", message,
                pubsub=pubsub, reason="METADATA_DESERIALIZATION", metadata=metadata,
            ) from error  # fmt: skip

    def _wrap(
        self, request: ApiRequest, pubsub: str, topic: str, data: bytes, content_type: str,
        metadata: Mapping[str, str] | None,
    ) -> bytes:  # fmt: skip
        trace = request.trace
        publication = Publication(
            self._app_id,
            pubsub,
            topic,
            data,
            content_type,
            metadata,
            traceparent="" if trace is None else trace.traceparent,
            tracestate="" if trace is None else trace.tracestate,
            features=self._publisher.pubsubs[pubsub].component.traits.features,
        )
        try:
            return wrap(publication, self._now(), self._new_id)
        except JsonTextError as error:
            raise pubsub_error(
                500, "ERR_PUBSUB_CLOUD_EVENTS_SER", "cannot create cloudevent",
                pubsub=pubsub, reason="CLOUD_EVENT_CREATION",
                metadata={"appID": self._app_id, "error": str(error)},
            ) from error  # fmt: skip

    def _now(self) -> datetime:
        return self._clock.now().astimezone()  # daprd writes the local offset

    def _entries(self, body: bytes, pubsub: str, topic: str, metadata: Mapping[str, str]) -> list[Entry]:
        entries: list[Entry] = []
        seen: set[str] = set()
        try:
            decoded = read_entries(body)
        except decoding.DecodeError as error:
            raise self._undecodable(pubsub, topic, error) from error
        for fields in decoded:
            try:
                entry = Entry.of(fields, metadata)
            except EntryInvalid as error:
                raise self._unfit(pubsub, topic, error) from error
            if not entry.entry_id or entry.entry_id in seen:
                raise self._twice(pubsub, topic)
            seen.add(entry.entry_id)
            entries.append(entry)
        return entries

    async def _bulk_body(self, request: ApiRequest, pubsub: str, topic: str) -> bytes:
        try:
            return await request.body()
        except BodyTooLarge as error:
            raise self._undecodable(pubsub, topic, error) from error

    def _undecodable(self, pubsub: str, topic: str, error: Exception) -> ApiError:
        message = f"error when unmarshaling the request for topic {topic} pubsub {pubsub}: {error}"
        metadata = {"appID": self._app_id}
        return pubsub_error(
            400, EVENTS_SER, message, pubsub=pubsub, reason="UNMARSHAL_EVENTS", metadata=metadata
        )

    def _unfit(self, pubsub: str, topic: str, error: Exception) -> ApiError:
        message = f"error when marshalling cloud event envelope for topic {topic} pubsub {pubsub}: {error}"
        metadata = {"appID": self._app_id, "error": str(error)}
        return pubsub_error(
            400, EVENTS_SER, message, pubsub=pubsub, reason="MARSHAL_ENVELOPE", metadata=metadata
        )

    def _twice(self, pubsub: str, topic: str) -> ApiError:
        why = "entryId is duplicated or not present for entry"
        message = f"error marshaling events to bytes for topic {topic} pubsub {pubsub}. error: {why}"
        metadata = {"appID": self._app_id, "error": why}
        return pubsub_error(
            400, EVENTS_SER, message, pubsub=pubsub, reason="MARSHAL_EVENTS", metadata=metadata
        )

    def _not_published(self, pubsub: str, topic: str, error: Exception) -> ApiError:
        told = {"topic": topic, "error": str(error)}
        if isinstance(error, PublishNotAllowed):
            return pubsub_error(
                403, "ERR_PUBSUB_FORBIDDEN", str(error), pubsub=pubsub, reason="FORBIDDEN", metadata=told
            )
        if isinstance(error, PubSubUnknown):
            return pubsub_error(
                400, "ERR_PUBSUB_NOT_FOUND", str(error), pubsub=pubsub, reason="TEST_NOT_FOUND", metadata=told
            )
        message = f"error when publishing to topic {topic} in pubsub {pubsub}: {error}"
        return pubsub_error(
            500, PUBLISH_MESSAGE, message, pubsub=pubsub, reason="PUBLISH_MESSAGE", metadata=told
        )


def _bulk_reply(pubsub: str, topic: str, failed: Mapping[str, str]) -> Reply:
    entries: list[Json] = [{"entryId": entry, "error": error} for entry, error in failed.items()]
    reply = json_reply(500, {"failedEntries": entries, "errorCode": PUBLISH_MESSAGE})
    reason = "; ".join(dict.fromkeys(failed.values()))
    what = f"error when publishing to topic {topic} in pubsub {pubsub}: {reason}"
    error = f"api error: code = Internal desc = {what}"
    headers = {"metadata.responsedata": reply.body.decode(), "metadata.error": quote(error)[1:-1]}
    return reply.with_headers(headers)
