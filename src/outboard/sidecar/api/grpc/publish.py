"""The methods of publishing.

Source: Dapr, "Pub/sub API reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from dapr.proto.runtime.v1 import pubsub_pb2
from google.protobuf.message import Message

from outboard.sidecar.api.grpc.call import EMPTY, Call, Method, method
from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.publishing import errors
from outboard.sidecar.publishing.requests import BulkPublishEntry, PublishRequest
from outboard.sidecar.publishing.service import PublishService

__all__ = ["publish_methods"]


def publish_methods(service: PublishService) -> Mapping[str, Method]:
    """By name."""
    calls = _Publish(service)
    bulk = method(pubsub_pb2.BulkPublishRequest, calls.publish_bulk)
    return {
        "PublishEvent": method(pubsub_pb2.PublishEventRequest, calls.publish),
        "BulkPublishEvent": bulk,
        "BulkPublishEventAlpha1": bulk,
    }


class _Publish:
    def __init__(self, service: PublishService) -> None:
        self._service = service

    async def publish(self, request: pubsub_pb2.PublishEventRequest, call: Call) -> Message:
        asked = PublishRequest(request.pubsub_name, request.topic, dict(request.metadata), call.trace, True)
        if self._service.check_bulk(asked):
            asked = asked._replace(metadata={**asked.metadata, **_traced(call)})
        await self._service.publish(asked, request.data, request.data_content_type)
        return EMPTY

    async def publish_bulk(self, request: pubsub_pb2.BulkPublishRequest, call: Call) -> Message:
        """Where any entry failed the call fails, and does not say which: as in daprd."""
        asked = PublishRequest(request.pubsub_name, request.topic, dict(request.metadata), call.trace, True)
        raw = self._service.check_bulk(asked)
        entries = _entries(request.entries)
        failed, _ = await self._service.publish_bulk(asked, None, entries, raw=raw, in_turn=True)
        if failed:
            raise errors.not_published(asked, ComponentError("; ".join(dict.fromkeys(failed.values()))))
        return pubsub_pb2.BulkPublishResponse()


def _traced(call: Call) -> dict[str, str]:
    """What daprd gives an event without an envelope beside it, over gRPC alone."""
    trace = call.trace
    if trace is None:
        return {"traceid": "", "tracestate": ""}
    return {"traceid": trace.traceparent, "tracestate": trace.tracestate}


def _entries(entries: Iterable[pubsub_pb2.BulkPublishRequestEntry]) -> Iterator[BulkPublishEntry]:
    for each in entries:
        yield BulkPublishEntry(each.entry_id, each.event, each.content_type, dict(each.metadata) or None)
