"""One request of the sidecar, answered: an event that is delivered alone, or many of them.

A test is told the reason in the answer too, beside the status: `reason`, which the sidecar does not read.

In a bulk delivery nothing overtakes, within its key, what is to come again: after the first event of a key
that is answered RETRY, the later ones of that key are answered RETRY without being run. A dead letter settles
its event, so that what is behind it goes on.

A canary is answered before its handler, and before its type is read. So is an event that is replayed for
another app.

Source: Dapr, "Pub/sub API reference", and "Publish and subscribe to bulk messages".
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json, to_json
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response

from outboard.kit.subscriptions.addressed import AddressedHandling
from outboard.kit.subscriptions.canaries import Canaries
from outboard.kit.subscriptions.chain import CallHandler
from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.subscriptions.endpoint import HandlerCall, Runner
from outboard.kit.subscriptions.handling import Handling
from outboard.kit.subscriptions.hops import HandlingHops
from outboard.kit.subscriptions.measured import MeasuredHandling
from outboard.kit.subscriptions.ordering import run_in_key_order
from outboard.kit.subscriptions.outcomes import Settler
from outboard.kit.subscriptions.received import Reading, ReceivedAlone, ReceivedEvent, ReceivedInBulk
from outboard.kit.subscriptions.result import ENDED, HELD_BACK, SUCCEEDED, Outcome, Settled, outcome_of
from outboard.kit.telemetry.messaging import Messaging
from outboard.kit.under_test import comes_from_a_test
from outboard.wire.bulk import BulkCodec, BulkEntry, BulkRequest, UnreadableBulk
from outboard.wire.canary import MARK
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.events import Event
from outboard.wire.replays import REPLAY_MARK

__all__ = ["Deliveries", "EventHandling"]

log: Final = logging.getLogger("outboard.subscriptions")

RETRY: Final = DeliveryStatus.RETRY
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
    hops: HandlingHops
    canaries: Canaries
    telemetry: Messaging

    async def answer(self, headers: Headers, runner: Runner) -> Response:
        """Return the answer to the sidecar."""
        try:
            request = self._bulk_request(headers, runner.body)
        except UnreadableBulk as error:
            log.error(  # noqa: TRY400 - where it was raised says nothing
                "a bulk delivery to %s could not be read, and is to come again: %s", runner.route, error
            )
            return JSONResponse({"error": f"the bulk delivery could not be read: {error}"}, 500)
        handling, hops = self._handling(runner.body), self.hops
        is_recorded = hops.journal.recorder is not None
        has_canary = MARK in runner.body
        if request is None:
            if has_canary and self.canaries.takes(runner.body, runner.route):
                return _of_one(SUCCEEDED, runner)
            received = ReceivedAlone(self.declaration.codec, runner.body, headers)
            if not is_recorded:
                return _of_one(await handling.one(received, runner), runner)
            attempt, since = hops.begun_alone(received)
            settled = await handling.one(received, runner)
            hops.one(received, settled, attempt, since)
            return _of_one(settled, runner)
        entries = request.entries
        if has_canary:
            entries = [each for each in entries if not self.canaries.takes(request.raw(each), runner.route)]
        received_events = [ReceivedInBulk(self.declaration.codec, request, entry) for entry in entries]
        begun = hops.begun(received_events) if is_recorded and received_events else None
        told = await handling.many(received_events, runner) if received_events else ()
        if begun is not None:
            hops.many(received_events, told, begun)
        if has_canary:
            by_position = dict(zip([entry.position for entry in entries], told, strict=True))
            told = [by_position.get(entry.position, SUCCEEDED) for entry in request.entries]
        return _of_many(request.entries, told, runner)

    def _handling(self, body: bytes) -> Handling:
        """With all that looks on at the moment, which is nothing mostly."""
        handling, settler, instruments = self.handling, self.hops.settler, self.telemetry.instruments
        if REPLAY_MARK in body:
            handling = AddressedHandling(handling, settler.dead_letters.app_id)
        return handling if instruments is None else MeasuredHandling(handling, settler, instruments)

    def _bulk_request(self, headers: Mapping[str, str], body: bytes) -> BulkRequest[Any] | None:
        """Events that are delivered alone come as application/cloudevents+json."""
        if headers.get("content-type", "").partition(";")[0].strip().lower() != BULK_CONTENT_TYPE:
            return None
        request = self.bulk.decode(body)
        if request is None and self.declaration.options.bulk and not _is_object(body):
            raise UnreadableBulk("it is no JSON object")
        return request


@dataclass(frozen=True, slots=True)
class EventHandling:
    """Gives the handler one event after another, each with its own dependencies, `concurrency` at once."""

    settler: Settler
    call: CallHandler
    concurrency: int

    async def one(self, received: ReceivedEvent, runner: Runner) -> Settled:
        """As `Handling`."""
        return await self._handle(received, runner, None)

    async def many(self, received_events: Sequence[ReceivedEvent], runner: Runner) -> Sequence[Settled]:
        """As `Handling`."""
        told = [HELD_BACK] * len(received_events)

        async def step(position: int) -> bool:
            received = received_events[position]
            settled = told[position] = await self._handle(received, runner, received)
            return settled.status is not RETRY

        await run_in_key_order([received.key for received in received_events], step, self.concurrency)
        return told

    async def _handle(self, received: ReceivedEvent, runner: Runner, part: ReceivedEvent | None) -> Settled:
        found: Reading | Outcome = received.reading
        if isinstance(found, Event):
            run = await self.call(HandlerCall(runner, found, (received,), part))
            if run is ENDED:
                return self.settler.handled(received)
            found = outcome_of(run)
        return await self.settler.settle(found, received, runner.route)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(from_json(body), dict)
    except ValueError:
        return False


def _of_one(settled: Settled, runner: Runner) -> Response:
    if settled.reason and comes_from_a_test(runner.scope):
        return _Json(to_json({"status": settled.status, "reason": settled.reason}))
    return _Json(OF_ONE[settled.status])


def _of_many(entries: Iterable[BulkEntry[Any]], told: Iterable[Settled], runner: Runner) -> Response:
    """The answer names an id once, with its worst status: the sidecar would take the last one for all."""
    by_id: dict[str, Settled] = {}
    for entry, settled in zip(entries, told, strict=True):
        known = by_id.setdefault(entry.entry_id, settled)
        if known is not settled:
            by_id[entry.entry_id] = min(known, settled, key=_badness)
    statuses: list[dict[str, str]] = [
        {"entryId": name, "status": settled.status.value} for name, settled in by_id.items()
    ]
    reasons = [settled.reason for settled in by_id.values()]
    if any(reasons) and comes_from_a_test(runner.scope):
        for status, reason in zip(statuses, reasons, strict=True):
            status.update({"reason": reason} if reason else {})
    return _Json(to_json({"statuses": statuses}))


def _badness(settled: Settled) -> int:
    return WORST_FIRST.index(settled.status)


class _Json(Response):
    """An answer of JSON, made quickly: there is one for each event."""

    def __init__(self, body: bytes) -> None:
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [(b"content-length", b"%d" % len(body)), JSON_HEADER]
