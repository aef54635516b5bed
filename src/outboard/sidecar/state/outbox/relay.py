"""The outbox at work: events go to the internal topic, and from there to the app's once they may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from outboard.clock import Clock
from outboard.gojson import decoding
from outboard.gojson.values import Json
from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.components.port import ComponentError, Delete, Message, NotAcknowledged, Set
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.publishing.pubsubs import PublishNotAllowed, PubSubPublisher, PubSubUnknown
from outboard.sidecar.resiliency.delays import delay_after
from outboard.sidecar.resiliency.failure import Failure
from outboard.sidecar.state.outbox.plan import Traced, Write, internal_topic, plan, relayed
from outboard.sidecar.state.settings import OutboxSettings
from outboard.sidecar.state.stores import LoadedStateStore

__all__ = ["OutboxFailed", "Relays", "StateOutbox"]

BEFORE_LOOKING: Final = 1.0
LOOKING: Final = RetryPolicy(
    "exponential", initial_interval=0.5, max_interval=3.0, multiplier=3, randomization=0.1, max_elapsed=10
)
SUBSCRIBING: Final = RetryPolicy("exponential", max_elapsed=0)
NOT_PUBLISHED: Final = (PubSubUnknown, PublishNotAllowed, Failure)


class OutboxFailed(Exception):
    """An event could not be given to the internal topic, so its transaction was not begun."""


@dataclass(frozen=True, slots=True)
class StateOutbox:
    """The outbox of one app, over all of its stores that have one.

    `namespace` is part of the internal topics' names. `new_id` gives a new UUID each time.
    """

    app_id: str
    namespace: str
    publisher: PubSubPublisher
    clock: Clock
    random: Callable[[], float]
    new_id: Callable[[], str]
    log: SidecarLog

    async def prepare(
        self, settings: OutboxSettings, writes: Sequence[Write], trace: Traced
    ) -> Sequence[Set | Delete]:
        """Publish the events of a transaction internally: the operations to do now.

        Raises OutboxFailed.
        """
        topic = internal_topic(self.namespace, self.app_id, settings)
        now = self.clock.now().astimezone()
        try:
            planned = plan(writes, settings, self.app_id, trace, now, self.new_id)
            for event in planned.events:
                await self.publisher.publish(settings.pubsub, topic, Message(event))
        except (ValueError, *NOT_PUBLISHED) as error:
            raise OutboxFailed(str(error)) from error
        return planned.operations


class Relays:
    """The outbox of each of `stores` that has one, at work: which stores there are may change."""

    def __init__(self, outbox: StateOutbox, stores: Mapping[str, LoadedStateStore]) -> None:
        self._outbox = outbox
        self._stores = stores
        self._on = False
        self._tasks: dict[str, tuple[_Relay, asyncio.Task[None]]] = {}

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        """Relay while the block runs; when it begins, all events that come are taken."""
        self._on = True
        try:
            await self.renew()
            yield
        finally:
            self._on = False
            await self._end(list(self._tasks))

    async def end(self, names: Collection[str]) -> None:
        """Relay no more for stores of these names, nor by pub/sub components of them, until `renew`.

        What is being relayed comes again.
        """
        uses = [(store, relay.settings.pubsub) for store, (relay, _) in self._tasks.items()]
        await self._end([store for store, pubsub in uses if store in names or pubsub in names])

    async def renew(self) -> None:
        """Relay for every store that there is now; return when all events that come are taken."""
        if self._on:
            made = [
                self._begin(each, each.outbox) for each in self._stores.values() if each.outbox is not None
            ]
            await asyncio.gather(*(event.wait() for event in made))

    def _begin(self, store: LoadedStateStore, settings: OutboxSettings) -> asyncio.Event:
        """What is set once it takes what comes, or cannot."""
        made = asyncio.Event()
        if store.name in self._tasks:
            made.set()
        else:
            relay = _Relay(self._outbox, store, settings)
            self._tasks[store.name] = relay, asyncio.create_task(relay.run(made))
        return made

    async def _end(self, stores: Sequence[str]) -> None:
        tasks = [self._tasks.pop(name)[1] for name in stores]
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                self._outbox.log.error("the outbox ended with an error", exc_info=outcome)


@dataclass(frozen=True, slots=True)
class _Relay:
    """From the internal topic of one store to the app's."""

    outbox: StateOutbox
    store: LoadedStateStore
    settings: OutboxSettings

    async def run(self, made: asyncio.Event) -> None:
        """Take events until cancelled; `made` is set once they arrive, or cannot."""
        outbox, name = self.outbox, self.settings.pubsub
        pubsub = outbox.publisher.pubsubs.get(name)
        if pubsub is None:
            text = "could not subscribe to internal outbox topic: outbox pubsub %s not loaded"
            outbox.log.warning(text, name)
            made.set()
            return
        topic = internal_topic(outbox.namespace, outbox.app_id, self.settings)
        failures = 0
        while True:
            try:
                await pubsub.component.consume(pubsub.access.on_broker(topic), {}, self, made.set)
            except ComponentError as error:
                outbox.log.warning("failed to subscribe to outbox topics: %s", error)
            made.set()
            failures += 1
            await outbox.clock.sleep(delay_after(SUBSCRIBING, failures, 0, outbox.random) or 0)

    async def __call__(self, message: Message) -> None:
        """Relay one event. Raises NotAcknowledged, so that the broker keeps it."""
        try:
            event = _event(message.data)
            marker = str(event.get("id", ""))
            await self.outbox.clock.sleep(BEFORE_LOOKING)
            if await self._is_settled(marker):
                await self._publish(event)
                await self._eventually(lambda: self.store.component.delete(Delete(marker)))
        except (ValueError, *NOT_PUBLISHED) as error:
            raise NotAcknowledged(str(error)) from error

    async def _is_settled(self, marker: str) -> bool:
        """Whether the event's transaction was done; where it was not, discard the event or raise."""
        try:
            await self._eventually(lambda: self._find(marker))
        except ComponentError as error:
            then = "discarding message" if self.settings.discard else "rejecting for later processing"
            text = "failed to publish outbox topic to pubsub %s: %s, %s"
            self.outbox.log.error(text, self.settings.publish_pubsub, error, then)  # noqa: TRY400
            if not self.settings.discard:
                raise
            return False
        return True

    async def _find(self, marker: str) -> None:
        found = (await self.store.component.get([marker])).get(marker)
        if found is None or not found.data:
            topic, pubsub = self.settings.publish_topic, self.settings.publish_pubsub
            told = f"cannot publish outbox message to topic {topic} with pubsub {pubsub}"
            raise ComponentError(f"{told}: outbox state not found")

    async def _publish(self, event: Mapping[str, Json]) -> None:
        data, content_type = relayed(event, self.settings), event.get("datacontenttype")
        message = Message(data, content_type=content_type if isinstance(content_type, str) else None)
        await self.outbox.publisher.publish(
            self.settings.publish_pubsub, self.settings.publish_topic, message
        )

    async def _eventually(self, operation: Callable[[], Awaitable[None]]) -> None:
        """Try until it succeeds, for about 10 s. Raises ComponentError."""
        clock, random = self.outbox.clock, self.outbox.random
        started, failures = clock.monotonic(), 0
        while True:
            try:
                return await operation()
            except ComponentError:
                failures += 1
                delay = delay_after(LOOKING, failures, clock.monotonic() - started, random)
                if delay is None:
                    raise
            await clock.sleep(delay)


def _event(data: bytes) -> dict[str, Json]:
    """Raises ValueError."""
    event = decoding.decode(data)
    if not isinstance(event, dict):
        raise ValueError("an outbox message is not a JSON object")  # noqa: TRY004 (data, not a call)
    return event
