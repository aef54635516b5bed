"""One request of the sidecar, answered: an event that is delivered alone, or a batch of them.

Source: Dapr, "Pub/sub API reference", and "Publish and subscribe to bulk messages".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json, to_json
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.endpoint import Runner
from outboard.kit.subscriptions.handling import Handling
from outboard.kit.subscriptions.received import ReceivedAlone, ReceivedInBulk
from outboard.wire.bulk import BulkCodec, BulkEntry, BulkRequest, UnreadableBulk
from outboard.wire.dapr import DeliveryStatus

__all__ = ["Deliveries"]

log: Final = logging.getLogger("outboard.subscriptions")

BULK_CONTENT_TYPE: Final = "application/json"
JSON_HEADER: Final = (b"content-type", b"application/json")
WORST_FIRST: Final = (DeliveryStatus.RETRY, DeliveryStatus.DROP, DeliveryStatus.SUCCESS)
OF_ONE: Final = {status: to_json({"status": status}) for status in DeliveryStatus}


@dataclass(frozen=True, slots=True)
class Deliveries:
    """Takes the deliveries of one declared handler, whichever way the sidecar makes them."""

    declaration: Declaration
    bulk: BulkCodec[Any]
    handling: Handling

    async def answer(self, headers: Headers, runner: Runner) -> Response:
        """Return the answer to the sidecar."""
        try:
            request = self._bulk_request(headers, runner.body)
        except UnreadableBulk as error:
            log.error(  # noqa: TRY400 - where it was raised says nothing
                "a bulk delivery to %s could not be read, and is to come again: %s", runner.route, error
            )
            return JSONResponse({"error": f"the bulk delivery could not be read: {error}"}, 500)
        if request is None:
            received = ReceivedAlone(self.declaration.codec, runner.body, headers)
            status = await self.handling.one(received, runner)
            return _Json(OF_ONE[status])
        received_events = [
            ReceivedInBulk(self.declaration.codec, request, entry) for entry in request.entries
        ]
        return _of_many(request.entries, await self.handling.many(received_events, runner))

    def _bulk_request(self, headers: Mapping[str, str], body: bytes) -> BulkRequest[Any] | None:
        """Events that are delivered alone come as application/cloudevents+json."""
        if headers.get("content-type", "").partition(";")[0].strip().lower() != BULK_CONTENT_TYPE:
            return None
        request = self.bulk.decode(body)
        if request is None and self.declaration.options.bulk and not _is_object(body):
            raise UnreadableBulk("it is no JSON object")
        return request


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(from_json(body), dict)
    except ValueError:
        return False


def _of_many(entries: Iterable[BulkEntry[Any]], statuses: Iterable[DeliveryStatus]) -> Response:
    """Of entries that share an id, one is told of: the sidecar would take the last status for all of them."""
    by_id: dict[str, DeliveryStatus] = {}
    for entry, status in zip(entries, statuses, strict=True):
        known = by_id.setdefault(entry.entry_id, status)
        if known is not status:
            by_id[entry.entry_id] = min(known, status, key=WORST_FIRST.index)
    answer = {"statuses": [{"entryId": name, "status": status.value} for name, status in by_id.items()]}
    return _Json(to_json(answer))


class _Json(Response):
    """An answer of JSON, made quickly: there is one for each event."""

    def __init__(self, body: bytes) -> None:
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), JSON_HEADER]
