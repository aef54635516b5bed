"""The handlers of publishing.

Source: Dapr, "Pub/sub API reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from outboard.gojson import decoding
from outboard.gojson.rawjson import quote
from outboard.gojson.values import Json
from outboard.sidecar.api.http.bulk_entries import EntryInvalid, read_entries, read_entry, read_events
from outboard.sidecar.api.http.messages import EMPTY, ApiRequest, BodyTooLarge, Reply, json_reply
from outboard.sidecar.publishing import errors
from outboard.sidecar.publishing.requests import BulkPublishEntry, PublishRequest
from outboard.sidecar.publishing.service import PublishService
from outboard.wire import dapr

__all__ = ["PublishApi"]

ORDERED: Final = EMPTY.with_headers({dapr.ORDERED_BULK_HEADER: "true"})


class PublishApi:
    """The handlers of `/v1.0/publish/...`."""

    def __init__(self, service: PublishService) -> None:
        self._service = service

    async def publish(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/publish/{pubsub}/{topic}`: 204 once the broker has the event."""
        service, asked = self._service, _asked(request)
        service.check(asked)
        try:
            body = await request.body()
        except BodyTooLarge as error:
            raise errors.not_published(asked, error) from error
        ordered = await service.publish(asked, body, request.headers.get("content-type", ""))
        return ORDERED if ordered else EMPTY

    async def publish_bulk(self, request: ApiRequest) -> Reply:
        """POST or PUT `/v1.0/publish/bulk/{pubsub}/{topic}`: 204, or what was not published."""
        service, asked = self._service, _asked(request)
        raw = service.check_bulk(asked)
        try:
            body = await request.body()
        except BodyTooLarge as error:
            raise errors.entries_undecodable(asked, service.app_id, error) from error
        events = None if raw else read_events(body)
        failed, ordered = await service.publish_bulk(asked, events, self._entries(asked, body), raw=raw)
        reply = ORDERED if ordered else EMPTY
        return reply if not failed else _failed(asked, failed).with_headers(reply.headers)

    def _entries(self, asked: PublishRequest, body: bytes) -> Iterator[BulkPublishEntry]:
        try:
            decoded = read_entries(body)
        except decoding.DecodeError as error:
            raise errors.entries_undecodable(asked, self._service.app_id, error) from error
        for fields in decoded:
            try:
                entry = read_entry(fields)
            except EntryInvalid as error:
                raise errors.entry_unfit(asked, self._service.app_id, error) from error
            yield entry


def _asked(request: ApiRequest) -> PublishRequest:
    named = request.parameters
    return PublishRequest(named["pubsub"], named["topic"], request.metadata, request.trace)


def _failed(asked: PublishRequest, failed: Mapping[str, str]) -> Reply:
    entries: list[Json] = [{"entryId": entry, "error": error} for entry, error in failed.items()]
    reply = json_reply(500, {"failedEntries": entries, "errorCode": errors.PUBLISH_MESSAGE})
    message = errors.publish_message(asked, "; ".join(dict.fromkeys(failed.values())))
    error = f"api error: code = Internal desc = {message}"
    headers = {"metadata.responsedata": reply.body.decode(), "metadata.error": quote(error)[1:-1]}
    return reply.with_headers(headers)
