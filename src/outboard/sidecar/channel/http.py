"""The way to an app that speaks HTTP.

Source: Dapr, pub/sub API, "Expected HTTP Response"; daprd 1.18 for the headers.
"""

from __future__ import annotations

import asyncio
import posixpath
import re
from collections.abc import Mapping
from contextlib import nullcontext
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from pydantic_core import to_json

from outboard.sidecar.channel.answers import Answer, read_answer, read_bulk_answer
from outboard.sidecar.channel.app import UNHEALTHY, Discovered, NotAnswered
from outboard.sidecar.channel.batch import Batch, BatchedEvent
from outboard.sidecar.channel.health import AppHealth
from outboard.sidecar.channel.refusals import excerpt
from outboard.sidecar.channel.tracing import batch_trace_headers, trace_headers
from outboard.sidecar.events import envelope
from outboard.sidecar.events.received import PUBSUB_NAME, Incoming
from outboard.sidecar.subscriptions.active import SubscribeInvalid, parse_subscribe
from outboard.wire import dapr
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.delivery import forwarded, header_problem
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["HttpChannel"]

OK: Final = 200
NOT_FOUND: Final = 404
UNESCAPED: Final = "/%:@!$&'()*+,;=?"
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
NO_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}")


class HttpChannel:
    """AppChannel over HTTP: at most as many calls at a time as there are `slots`, if there is a limit.

    `probing` is the exchange for probes of the app's health, where that is another one.
    """

    def __init__(
        self,
        exchange: Exchange,
        app_id: str,
        *,
        token: str = "",
        slots: asyncio.Semaphore | None = None,
        health: AppHealth | None = None,
        probing: Exchange | None = None,
    ) -> None:
        self.health = health or AppHealth(healthy=True)
        self.subscriptions_at = dapr.SUBSCRIBE_PATH
        self._exchange = exchange
        self._probing = probing or exchange
        self._app_id = app_id
        self._token = token
        self._slots = slots or nullcontext()

    async def discover(self) -> Discovered:
        response = await self._get(dapr.SUBSCRIBE_PATH)
        if response.status == OK:
            return _discovered(response.body)
        if response.status == NOT_FOUND:
            return Discovered(missing=f"it answers 404 at {dapr.SUBSCRIBE_PATH}")
        returned = f"app returned http status code {response.status}"
        problem = f"{returned} from subscription endpoint {dapr.SUBSCRIBE_PATH}"
        if body := excerpt(response.body):
            problem += f", body: {body}"
        return Discovered(problem=problem)

    async def load_configuration(self) -> bool:
        return (await self._get(dapr.CONFIG_PATH)).status == OK

    async def probe(self, path: str, timeout: float) -> str:
        if problem := _path_problem(path):
            return f"Network error: parse {path!r}: {problem}"
        try:
            response = await self._probing(Request("GET", _target(path)), timeout)
        except ExchangeFailed as failure:
            return f"Network error: {failure.reason}"
        return "" if response.ok else f"Health check failed with status code: {response.status}"

    async def deliver(self, incoming: Incoming, metadata: Mapping[str, str]) -> Answer:
        event = incoming.event
        headers = forwarded(metadata)
        headers |= trace_headers(event, headers)
        headers["content-type"] = envelope.CLOUD_EVENT
        response = await self._post(incoming.path, headers, incoming.data)
        return response if isinstance(response, Answer) else read_answer(response)

    async def deliver_bulk(self, batch: Batch) -> Mapping[str, Answer]:
        headers = {PUBSUB_NAME.lower(): batch.pubsub, "content-type": "application/json"}
        headers |= batch_trace_headers(batch.events)
        response = await self._post(batch.path, headers, bulk_body(batch))
        ids = [event.entry_id for event in batch.events]
        if isinstance(response, Answer):
            return dict.fromkeys(ids, response)
        return read_bulk_answer(response, ids)

    async def _get(self, path: str) -> Response:
        headers = {dapr.APP_ID_HEADER: self._app_id, "content-type": "application/json"}
        try:
            return await self._exchange(Request("GET", path, self._with_token(headers)), None)
        except ExchangeFailed as failure:
            raise NotAnswered(failure.reason) from failure

    async def _post(self, path: str, headers: dict[str, str], body: bytes) -> Response | Answer:
        illegal = _illegal(headers)
        if illegal is not None:
            return Answer(DeliveryStatus.RETRY, f"invalid header field {illegal!r}")
        if problem := _path_problem(path):
            return Answer(DeliveryStatus.RETRY, f"parse {path!r}: {problem}")
        request = Request("POST", _target(path), self._with_token(headers), body)
        async with self._slots:
            if not self.health.healthy:
                return Answer(DeliveryStatus.RETRY, UNHEALTHY)
            try:
                return await self._exchange(request, None)
            except ExchangeFailed as failure:
                return Answer(DeliveryStatus.RETRY, failure.reason)

    def _with_token(self, headers: dict[str, str]) -> dict[str, str]:
        if self._token:
            headers[dapr.API_TOKEN_HEADER] = self._token
        return headers


def _discovered(body: bytes) -> Discovered:
    """Raises SubscribeInvalid, with what was answered."""
    try:
        subscriptions, without_route = parse_subscribe(body)
    except SubscribeInvalid as error:
        raise SubscribeInvalid(f"{error}; it answered {excerpt(body)}") from error
    return Discovered(subscriptions, without_route)


def bulk_body(batch: Batch) -> bytes:
    """The body of a bulk delivery; each event's own bytes are put into it as they are."""
    head = {
        "id": batch.id,
        "metadata": {PUBSUB_NAME: batch.pubsub},
        "pubsubname": batch.pubsub,
        "topic": batch.topic,
        "type": dapr.BULK_EVENT_TYPE,
    }
    content_type = envelope.OCTET_STREAM if batch.raw else envelope.CLOUD_EVENT
    inside = b",".join([_entry(event, content_type) for event in batch.events])
    return b'{"entries":[' + inside + b"]," + to_json(head)[1:]


def _entry(event: BatchedEvent, default: str) -> bytes:
    content_type = event.content_type or default
    rest = {"entryId": event.entry_id, "metadata": event.metadata, "contentType": content_type}
    return b'{"event":' + event.incoming.data + b"," + to_json(rest)[1:]


@lru_cache(maxsize=256)
def _path_problem(path: str) -> str:
    """Why Go's `net/url` makes no URL of a route, so that daprd makes no request; else empty."""
    if CONTROL.search(path):
        return "invalid control character in URL"
    found = NO_ESCAPE.search(path.partition("?")[0])
    return f'invalid URL escape "{found[0]}"' if found else ""


@lru_cache(maxsize=256)
def _target(path: str) -> str:
    """A route as a request target: cleaned, and escaped where it is not."""
    where, question, query = path.partition("?")
    clean = "/" + posixpath.normpath(f"/{where}").lstrip("/")
    return quote(clean, safe=UNESCAPED) + question + quote(query, safe=UNESCAPED)


def _illegal(headers: Mapping[str, str]) -> str | None:
    """The first name of a header that cannot be sent."""
    return next((name for name, value in headers.items() if header_problem(name, value)), None)
