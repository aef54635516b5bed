"""The way to an app that speaks gRPC.

Source: Dapr, `dapr/proto/runtime/v1/appcallback.proto`; daprd 1.18 for the metadata of each call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import nullcontext

from grpc import StatusCode

from outboard.sidecar.channel.answers import Answer
from outboard.sidecar.channel.app import UNHEALTHY, Discovered, NotAnswered
from outboard.sidecar.channel.batch import Batch
from outboard.sidecar.channel.grpc.answers import read_answer, read_bulk_answer, read_subscriptions
from outboard.sidecar.channel.grpc.events import Unsendable, bulk_request, event_request
from outboard.sidecar.channel.grpc.metadata import binary_trace, forwarded_metadata, metadata_problem
from outboard.sidecar.channel.grpc.methods import (
    ALPHA_BULK,
    BULK,
    EVENT,
    HEALTH,
    code_of,
    message_of,
)
from outboard.sidecar.channel.health import AppHealth
from outboard.sidecar.channel.tracing import batch_trace_headers, trace_headers
from outboard.sidecar.events.received import PUBSUB_NAME, Incoming
from outboard.sidecar.subscriptions.active import SubscribeInvalid
from outboard.wire import dapr
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.http import NO_HEADERS, Exchange, ExchangeFailed, Request, Response

__all__ = ["GrpcChannel"]


class GrpcChannel:
    """AppChannel over gRPC: at most as many calls at a time as there are `slots`, if there is a limit.

    `probing` is the exchange for probes of the app's health, where that is another one.
    """

    def __init__(
        self,
        exchange: Exchange,
        *,
        token: str = "",
        slots: asyncio.Semaphore | None = None,
        health: AppHealth | None = None,
        probing: Exchange | None = None,
    ) -> None:
        self.health = health or AppHealth(healthy=True)
        self.subscriptions_at = "ListTopicSubscriptions"
        self._exchange = exchange
        self._probing = probing or exchange
        self._token = token
        self._slots = slots or nullcontext()

    async def discover(self) -> Discovered:
        try:
            response = await self._exchange(Request("POST", dapr.LIST_SUBSCRIPTIONS), None)
        except ExchangeFailed as failure:
            raise NotAnswered(failure.reason, starts_nothing=True) from failure
        if code_of(response) is StatusCode.UNIMPLEMENTED:
            return Discovered(missing=f"it does not implement {self.subscriptions_at}")
        if not response.ok:
            raise NotAnswered(message_of(response), starts_nothing=True)
        try:
            return Discovered(read_subscriptions(response.body))
        except ValueError as error:
            raise SubscribeInvalid(str(error)) from error

    async def load_configuration(self) -> bool:
        """An app over gRPC is not asked."""
        return False

    async def probe(self, path: str, timeout: float) -> str:
        """`path` is of HTTP."""
        try:
            response = await self._probing(Request("POST", HEALTH), timeout)
        except ExchangeFailed as failure:
            return failure.reason
        return "" if response.ok else f"Health check failed: {message_of(response)}"

    async def deliver(self, incoming: Incoming, metadata: Mapping[str, str]) -> Answer:
        headers = forwarded_metadata(metadata)
        headers |= trace_headers(incoming.event, headers)
        try:
            message = event_request(incoming, metadata[PUBSUB_NAME], incoming.topic)
        except Unsendable as error:
            return Answer(DeliveryStatus.RETRY, str(error))
        response = await self._call(EVENT, message.SerializeToString(), headers)
        return response if isinstance(response, Answer) else read_answer(response)

    async def deliver_bulk(self, batch: Batch) -> Mapping[str, Answer]:
        headers = {PUBSUB_NAME.lower(): batch.pubsub, **batch_trace_headers(batch.events)}
        data = bulk_request(batch).SerializeToString()
        response = await self._call(BULK, data, headers)
        if isinstance(response, Response) and code_of(response) is StatusCode.UNIMPLEMENTED:
            response = await self._call(ALPHA_BULK, data, headers)
        ids = [event.entry_id for event in batch.events]
        if isinstance(response, Answer):
            return dict.fromkeys(ids, response)
        return read_bulk_answer(response, ids)

    async def _call(self, method: str, data: bytes, metadata: dict[str, str]) -> Response | Answer:
        if problem := metadata_problem(metadata):
            return Answer(DeliveryStatus.RETRY, problem)
        token = {dapr.API_TOKEN_HEADER: self._token} if self._token else NO_HEADERS
        trace = binary_trace(metadata.get("traceparent"))
        request = Request("POST", method, {**metadata, **trace, **token}, data)
        async with self._slots:
            if not self.health.healthy:
                return Answer(DeliveryStatus.RETRY, UNHEALTHY)
            try:
                return await self._exchange(request, None)
            except ExchangeFailed as failure:
                return Answer(DeliveryStatus.RETRY, failure.reason)
