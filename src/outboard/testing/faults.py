"""What can go wrong between apps, sidecars and the broker, each as one call."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

from outboard.hops.record import EventIdentity, Hop, HopKind
from outboard.kit.arguments import check_count, check_seconds
from outboard.kit.topic import Topic
from outboard.testing.arguments import (
    check_error_status,
    check_seed,
    check_text,
    check_topic,
)
from outboard.testing.delivered import Delivered, delivered_in, status_of
from outboard.testing.held import HeldDeliveries
from outboard.testing.letters import letter_requests
from outboard.testing.state_writes import keys_with_etag, rewrite
from outboard.testing.traffic import Fault, GoOn, Passing, Traffic
from outboard.testing.virtual_clock import VirtualClock
from outboard.wire.dapr import BULK_PUBLISH_ALPHA_PATH, BULK_PUBLISH_PATH, PUBLISH_PATH, DeliveryStatus
from outboard.wire.http import ExchangeFailed, Response

__all__ = ["Faults"]

Scope = TypeVar("Scope")

PUBLISHING = tuple(f"{path}/" for path in (BULK_PUBLISH_PATH, BULK_PUBLISH_ALPHA_PATH, PUBLISH_PATH))
LOST_ANSWER = "the answer was lost, by a fault of the test"


class Faults(Generic[Scope]):
    """Each is there while its block runs, and the block ends when all is quiet.

    Blocks are `async with` in an asynchronous test, `with` in a synchronous one.
    """

    def __init__(
        self,
        traffic: Traffic,
        quiet: Callable[[], Awaitable[None]],
        clock: VirtualClock,
        record: Callable[[Hop], None],
        scope: Callable[[AbstractAsyncContextManager[None]], Scope],
    ) -> None:
        self._traffic, self._quiet, self._clock = traffic, quiet, clock
        self._record = record
        self._make = scope

    def redelivery(self, topic: Topic[Any]) -> Scope:
        """Each event of `topic` that is handled comes again at once, as where the answer to Dapr was lost."""
        check_topic(topic)

        async def redeliver(passing: Passing, go_on: GoOn) -> Response:
            delivered = _of(topic, passing)
            answer = await go_on(passing)
            if delivered is None or status_of(answer.status, answer.body) != DeliveryStatus.SUCCESS:
                return answer
            for name, payload in zip(delivered.ids, delivered.events, strict=True):
                self._record(self._lost(passing.app_id, topic, name, payload))
            return await go_on(passing)

        return self._make(self._while(redeliver))

    def duplicates(self, topic: Topic[Any]) -> Scope:
        """Each event that is published to `topic` is there twice, as where publishing was repeated."""
        check_topic(topic)

        async def publish_twice(passing: Passing, go_on: GoOn) -> Response:
            if passing.to == "sidecar" and _publishes(passing.request.target, topic):
                await go_on(passing)
            return await go_on(passing)

        return self._make(self._while(publish_twice))

    def reordering(self, seed: int = 0) -> Scope:
        """Events are delivered when the block ends, in an order that `seed` decides.

        Those of one partition, and so of one key, keep theirs.
        """
        check_seed(seed)
        return self._make(self._held(random.Random(seed)))

    def slow_sidecar(self, seconds: float) -> Scope:
        """Each call to a sidecar takes so long, by the session's clock, and is done all the same.

        Where that is longer than the call's timeout, its caller gives up before the answer.
        """
        check_seconds("seconds", seconds)

        async def slowly(passing: Passing, go_on: GoOn) -> Response:
            if passing.to == "app":
                return await go_on(passing)
            answer = await go_on(passing)
            limit = seconds if passing.timeout is None else min(seconds, passing.timeout)
            self._clock.pass_to(self._clock.monotonic() + limit)
            if limit < seconds:
                raise ExchangeFailed(f"no answer within {limit:g} s")
            return answer

        return self._make(self._while(slowly))

    def failing_sidecar(self, status: int = 500) -> Scope:
        """Each call to a sidecar is answered with an error, `status`, and does nothing."""
        check_error_status(status)
        body = json.dumps({"errorCode": "ERR_INTERNAL", "message": "a fault of the test"}).encode()

        async def fail(passing: Passing, go_on: GoOn) -> Response:
            if passing.to == "app":
                return await go_on(passing)
            return Response(status, {"content-type": "application/json"}, body)

        return self._make(self._while(fail))

    def outage(self) -> Scope:
        """No sidecar is there: calls find nobody, and events are delivered when the block ends."""
        return self._make(self._held(None))

    def dead_letters(self, topic: Topic[Any], reason: str = "a fault of the test") -> Scope:
        """Each event of `topic` is made a dead letter, with `reason`, instead of being handled.

        That is so for handlers of the kit that have a dead letter topic; others get the event.
        """
        check_topic(topic)
        check_text("reason", reason)

        async def dead_letter(passing: Passing, go_on: GoOn) -> Response:
            delivered = _of(topic, passing)
            now = self._clock.now()
            letters = None if delivered is None else letter_requests(passing, delivered, reason, now)
            if delivered is None or letters is None:
                return await go_on(passing)
            for letter in letters:
                answer = await self._traffic.sidecars[passing.app_id](letter, passing.timeout)
                if not answer.ok:
                    return Response(500, {}, answer.body)
            return _all_well(delivered)

        return self._make(self._while(dead_letter))

    def state_conflicts(self, times: int = 1) -> Scope:
        """Before each of the next `times` saves or deletes with an ETag, another one saves the same value.

        So the ETag is an old one, and the state store refuses it.
        """
        check_count("times", times)
        left = times

        async def conflict(passing: Passing, go_on: GoOn) -> Response:
            nonlocal left
            keys = keys_with_etag(passing.request) if passing.to == "sidecar" and left else []
            if keys:
                left -= 1
                await rewrite(passing, keys, go_on)
            return await go_on(passing)

        return self._make(self._while(conflict))

    @asynccontextmanager
    async def _while(self, fault: Fault) -> AsyncIterator[None]:
        self._traffic.faults.append(fault)
        try:
            yield
            await self._quiet()
        finally:
            self._traffic.faults.remove(fault)

    @asynccontextmanager
    async def _held(self, chance: random.Random | None) -> AsyncIterator[None]:
        """Deliveries wait for the end of the block; without `chance`, sidecars are away meanwhile."""
        held = HeldDeliveries(self._traffic)

        async def away(passing: Passing, go_on: GoOn) -> Response:
            if passing.to == "sidecar":
                raise ExchangeFailed("connection refused, by a fault of the test", sent=False)
            return await go_on(passing)

        faults: list[Fault] = [held] if chance else [held, away]
        self._traffic.faults += faults
        try:
            yield
            await self._quiet()
            for fault in faults[1:]:
                self._traffic.faults.remove(fault)
                faults.remove(fault)
            while len(held):
                held.release(chance.randrange(len(held)) if chance else 0)
                await asyncio.sleep(0)
                await self._quiet()
        finally:
            for fault in faults:
                self._traffic.faults.remove(fault)
            held.release_all()

    def _lost(self, app_id: str, topic: Topic[Any], name: str, payload: bytes) -> Hop:
        at, retry = self._clock.now().timestamp(), DeliveryStatus.RETRY
        event = EventIdentity.of(json.loads(payload))
        return Hop(
            HopKind.DELIVERED, at, app_id, topic.pubsub, topic.name, event._replace(event_id=name), 1, retry,
            LOST_ANSWER, payload=payload,
        )  # fmt: skip


def _of(topic: Topic[Any], passing: Passing) -> Delivered | None:
    """What is delivered, if it is of `topic`."""
    delivered = delivered_in(passing.request) if passing.to == "app" else None
    if delivered is None or (delivered.pubsub, delivered.topic) != (topic.pubsub, topic.name):
        return None
    return delivered


def _publishes(target: str, topic: Topic[Any]) -> bool:
    path = target.partition("?")[0]
    rest = next((path[len(prefix) :] for prefix in PUBLISHING if path.startswith(prefix)), "")
    pubsub, _, name = rest.partition("/")
    return (unquote(pubsub), unquote(name)) == (topic.pubsub, topic.name)


def _all_well(delivered: Delivered) -> Response:
    statuses = [{"entryId": entry, "status": "SUCCESS"} for entry in delivered.entries]
    body: object = {"statuses": statuses} if statuses else {"status": "SUCCESS"}
    return Response(200, {"content-type": "application/json"}, json.dumps(body).encode())
