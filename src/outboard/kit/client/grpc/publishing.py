"""Publishing over gRPC, alone and in bulk.

A bulk request of which an event failed is answered with an error that does not say which (daprd 1.18). So one
that blames an event is taken apart, and any other one is the answer to all of them.

Source: Dapr, "Pub/sub API reference": `PublishEvent`, and `BulkPublishEvent`, before Dapr 1.17 by the name of
`BulkPublishEventAlpha1` alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from dapr.proto.runtime.v1 import pubsub_pb2
from google.protobuf.empty_pb2 import Empty
from grpc import StatusCode

from outboard.clock import Clock
from outboard.errors import PublishFailed, PubSubNotFound, SidecarError
from outboard.kit.client.grpc.calls import Calls
from outboard.kit.client.grpc.failures import CallFailed, publish_error
from outboard.kit.client.loaded import AskComponents, name_loaded_of_each
from outboard.kit.client.port import BatchAnswer, Publication, PublishResult
from outboard.kit.client.refusals import NO_CODE, shorten
from outboard.wire.cloudevents import STRUCTURED_CONTENT_TYPE
from outboard.wire.http import ExchangeFailed

__all__ = ["GrpcPublisher"]

SHORTEST: Final = 0.001
STABLE: Final = "BulkPublishEvent"
ALPHA: Final = "BulkPublishEventAlpha1"
MAY_BE_ONE_EVENTS_FAULT: Final = frozenset({StatusCode.INVALID_ARGUMENT, StatusCode.RESOURCE_EXHAUSTED})


class GrpcPublisher:
    """Publishes one event, or several in one attempt, and remembers the method that the sidecar knows."""

    def __init__(self, calls: Calls, clock: Clock, ask: AskComponents) -> None:
        self._calls = calls
        self._clock = clock
        self._ask = ask
        self._method = STABLE

    async def publish(self, publication: Publication, timeout: float) -> None:
        """Publish once. Raises ExchangeFailed and CallFailed."""
        request = pubsub_pb2.PublishEventRequest(
            pubsub_name=publication.pubsub,
            topic=publication.topic,
            data=publication.body,
            data_content_type=STRUCTURED_CONTENT_TYPE,
            metadata=publication.metadata,
        )
        await self._calls("PublishEvent", request, Empty, timeout, publication.headers)

    async def attempt(self, publications: Sequence[Publication], timeout: float) -> BatchAnswer:
        """As `PublishOperations.attempt`; a batch of one is a plain publish."""
        deadline = self._clock.monotonic() + timeout
        outcomes = await self._attempt(publications, deadline)
        if any(isinstance(each, PubSubNotFound) for each in outcomes):
            outcomes = await name_loaded_of_each(outcomes, self._ask, self._left(deadline))
        return BatchAnswer(outcomes)

    async def _attempt(self, publications: Sequence[Publication], deadline: float) -> Sequence[PublishResult]:
        try:
            if len(publications) == 1:
                await self.publish(publications[0], self._left(deadline))
                return [None]
            return await self._publish_bulk(publications, deadline)
        except ExchangeFailed as failure:
            self._method = STABLE  # whoever listens there next may be another version
            return [failure] * len(publications)
        except CallFailed as failed:
            return await self._failed(failed, publications, deadline)

    async def _publish_bulk(
        self, publications: Sequence[Publication], deadline: float
    ) -> Sequence[PublishResult]:
        first = publications[0]
        request = pubsub_pb2.BulkPublishRequest(
            pubsub_name=first.pubsub,
            topic=first.topic,
            entries=[_entry(*numbered) for numbered in enumerate(publications)],
        )
        try:
            answer = await self._call_bulk(request, deadline)
        except CallFailed as failed:
            if failed.code is not StatusCode.UNIMPLEMENTED or self._method == ALPHA:
                raise
            self._method = ALPHA
            answer = await self._call_bulk(request, deadline)
        errors = {each.entry_id: each.error for each in answer.failedEntries}
        return _outcomes(errors, first.pubsub, first.topic, len(publications))

    async def _call_bulk(
        self, request: pubsub_pb2.BulkPublishRequest, deadline: float
    ) -> pubsub_pb2.BulkPublishResponse:
        return await self._calls(self._method, request, pubsub_pb2.BulkPublishResponse, self._left(deadline))

    async def _failed(
        self, failed: CallFailed, publications: Sequence[Publication], deadline: float
    ) -> Sequence[PublishResult]:
        if len(publications) > 1 and failed.code in MAY_BE_ONE_EVENTS_FAULT:
            return await self._publish_halves(publications, deadline)
        pubsub, topic, _, *_ = publications[0]
        address = self._calls.settings.address
        return [publish_error(failed, pubsub, topic, address) for _ in publications]

    async def _publish_halves(
        self, publications: Sequence[Publication], deadline: float
    ) -> Sequence[PublishResult]:
        """What was refused as a whole is taken apart, so that one event harms no other; order is kept."""
        middle = len(publications) // 2
        first = await self._attempt(publications[:middle], deadline)
        if any(isinstance(outcome, ExchangeFailed) for outcome in first):
            untried = [ExchangeFailed("it was not tried", sent=False)] * (len(publications) - middle)
            return [*first, *untried]
        return [*first, *await self._attempt(publications[middle:], deadline)]

    def _left(self, deadline: float) -> float:
        return max(deadline - self._clock.monotonic(), SHORTEST)


def _entry(position: int, publication: Publication) -> pubsub_pb2.BulkPublishRequestEntry:
    event = publication.body
    if publication.traceid:  # else the sidecar overwrites the trace of the event
        event = b'{"traceid":"' + publication.traceid.encode("ascii") + b'",' + event[1:]
    return pubsub_pb2.BulkPublishRequestEntry(
        entry_id=str(position),
        event=event,
        content_type=STRUCTURED_CONTENT_TYPE,
        metadata=publication.metadata,
    )


def _outcomes(
    failed: Mapping[str, str], pubsub: str, topic: str, count: int
) -> Sequence[SidecarError | None]:
    return [
        PublishFailed(pubsub, topic, 500, NO_CODE, shorten(failed[name]))
        if (name := str(position)) in failed
        else None
        for position in range(count)
    ]
