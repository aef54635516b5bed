"""Publishing to the loaded pub/sub components: scopes, topic prefix, outbound policy, record of the hop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Final

from outboard.hops.journal import Journal
from outboard.hops.record import FAILED, EventIdentity, HopKind, Recorder
from outboard.sidecar.components.port import (
    BulkPublishing,
    ComponentError,
    Message,
    PubSub,
    StoredPlace,
)
from outboard.sidecar.events.identity import identity_of, identity_of_published, is_dead_letter
from outboard.sidecar.grpc_codes import http_status_of
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.resiliency.failure import CircuitOpen, Failure, TimedOut
from outboard.sidecar.resiliency.guard import Guard

__all__ = ["LoadedPubSub", "PubSubPublisher", "PubSubUnknown", "PublishNotAllowed"]

BULK_CONCURRENCY: Final = 100
NOWHERE: Final = StoredPlace()
KNOWN: Final = itemgetter(Message._fields.index("known"))  # by name it takes three times as long
MOST_TOPICS: Final = 10_000
"""Of which it is remembered that they were published to: topics may be named for each event."""


class PubSubUnknown(Exception):
    """There is no pub/sub component of that name."""


class PublishNotAllowed(Exception):
    """The component's scopes keep this app from publishing to the topic."""


@dataclass(frozen=True, slots=True)
class LoadedPubSub:
    """A component with what this app may do with it, and the policies for it."""

    name: str
    component: PubSub
    access: TopicAccess
    outbound: Guard
    inbound: Guard
    bulk: BulkPublishing | None = field(init=False)
    """The component again, if it takes many messages in one step."""
    orders_bulk: bool = field(init=False)
    """Whether the messages of one bulk publish keep their order per key."""

    def __post_init__(self) -> None:
        bulk = self.component if isinstance(self.component, BulkPublishing) else None
        object.__setattr__(self, "bulk", bulk)
        object.__setattr__(self, "orders_bulk", bulk is not None and self.component.traits.orders_bulk)

    @property
    def retries(self) -> bool:
        """Whether what fails may be tried again."""
        return self.outbound.policies.retry is not None

    @property
    def request_metadata_first(self) -> bool:
        """Whether the metadata of a bulk publish request counts before that of its entries."""
        return self.component.traits.request_metadata_first


class PubSubPublisher:
    """What publishes for the app: its own events, and dead letters for its subscriptions."""

    def __init__(
        self,
        pubsubs: Mapping[str, LoadedPubSub],
        app_id: str,
        journal: Journal,
        first_published: Callable[[str, str], None] | None = None,
    ) -> None:
        """`first_published` is called with pub/sub and topic of the first event to each of up to 10,000.

        A dead letter is none.
        """
        self.pubsubs = pubsubs
        self._first_published = first_published
        self._published: set[tuple[str, str]] = set()
        self._app_id = app_id
        self._journal = journal

    async def publish(
        self, pubsub: str, topic: str, message: Message, kind: HopKind = HopKind.STORED, detail: str = "",
        known_as: EventIdentity | None = None, *, over_http: bool = False,
    ) -> None:  # fmt: skip
        """Return once the broker has it. Raises PubSubUnknown, PublishNotAllowed, Failure.

        The record has it as `known_as`, else as the message itself says. What was asked for `over_http` is
        tried again by the statuses of HTTP.
        """
        target = self._allowed(pubsub, topic)
        on_broker = target.access.on_broker(topic)
        message = self._placed((message,))[0]
        attempt = partial(target.component.publish, on_broker, message)
        try:
            by_http = over_http and target.retries
            await target.outbound.run(_with_http_codes(attempt) if by_http else attempt)
        except Failure as error:
            self._record(HopKind.ACCEPTED, pubsub, topic, message, FAILED, str(error))
            raise
        if kind is not HopKind.STORED:
            self._record(kind, pubsub, topic, message, detail=detail, known_as=known_as)
        elif (recorder := self._journal.recorder) is not None:
            self._record_stored(recorder, pubsub, topic, (message,))
        if self._first_published is not None and kind is HopKind.STORED:
            self._tell_first(pubsub, topic, [message], self._first_published)

    async def publish_many(
        self, pubsub: str, topic: str, messages: Sequence[Message], metadata: Mapping[str, str] | None = None,
        *, over_http: bool = False,
    ) -> dict[int, ComponentError]:  # fmt: skip
        """Publish all, in one step where the component can, else up to 100 at a time: the errors by position.

        `metadata` is that of the request: there are components where it counts before that of a message.
        To the outbound policies all of them are one attempt, of which only what failed is tried again, in its
        order. Raises PubSubUnknown, PublishNotAllowed.
        """
        target = self._allowed(pubsub, topic)
        if metadata and target.request_metadata_first:
            messages = [each._replace(metadata={**each.metadata, **metadata}) for each in messages]
        messages = self._placed(messages)
        rest, errors = dict(enumerate(messages)), dict[int, ComponentError]()

        async def attempt() -> None:
            nonlocal rest, errors
            errors = await self._publish_all(target, topic, rest)
            rest = {index: message for index, message in rest.items() if index in errors}
            if errors:
                raise _together(errors.values())

        try:
            by_http = over_http and target.retries
            await target.outbound.run(_with_http_codes(attempt) if by_http else attempt)
            if self._first_published is not None:
                self._tell_first(pubsub, topic, messages, self._first_published)
        except (TimedOut, CircuitOpen) as failure:
            errors = dict.fromkeys(rest, ComponentError(str(failure)))
        except ComponentError:
            pass  # `errors` has that of each
        for index, error in errors.items():
            self._record(HopKind.ACCEPTED, pubsub, topic, messages[index], FAILED, str(error))
        return errors

    def _placed(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages, each with a place to be told of where all of them are recorded; else those that may
        be known by it alone.
        """
        recorder = self._journal.recorder
        if recorder is None or (not recorder.records_all and all(map(KNOWN, messages))):
            return messages
        return [each._replace(place=StoredPlace()) for each in messages]

    async def _publish_all(
        self, target: LoadedPubSub, topic: str, messages: Mapping[int, Message]
    ) -> dict[int, ComponentError]:
        def taken(message: Message) -> None:
            if recorder is not None:
                self._record_stored(recorder, target.name, topic, (message,))

        recorder = self._journal.recorder
        on_broker = target.access.on_broker(topic)
        if target.bulk is None:
            return await _publish_each(target.component, on_broker, messages, taken)
        positions = list(messages)
        told = await target.bulk.publish_many(on_broker, list(messages.values()))
        failed = {positions[position]: error for position, error in sorted(told.items())}
        if recorder is not None:
            stored = [each for index, each in messages.items() if index not in failed]
            self._journal.afterwards(self._record_stored, recorder, target.name, topic, stored)
        return failed

    async def dead_letter(
        self, pubsub: str, topic: str, message: Message, reason: str, known_as: EventIdentity | None = None
    ) -> None:
        """Put `message`, unchanged, on dead letter topic `topic`. Else as `publish`."""
        await self.publish(pubsub, topic, message, HopKind.DEAD_LETTERED, reason, known_as)

    def _record(
        self, kind: HopKind, pubsub: str, topic: str, message: Message, outcome: str = "", detail: str = "",
        known_as: EventIdentity | None = None,
    ) -> None:  # fmt: skip
        if self._journal.recorder is not None:
            event, place = known_as or self._identity(pubsub, topic, message), message.place or NOWHERE
            self._journal(
                kind, pubsub, topic, event, message.data, outcome=outcome, detail=detail,
                partition=place.partition, offset=place.offset,
            )  # fmt: skip

    def _record_stored(
        self, recorder: Recorder, pubsub: str, topic: str, messages: Sequence[Message]
    ) -> None:
        """Where there are too many events, some of them."""
        known = list(map(KNOWN, messages))
        if all(known):
            names = [str(each["id"]) for each in known]
        else:
            names = [self._identity(pubsub, topic, each).event_id for each in messages]
        for position in recorder.chosen(HopKind.STORED, pubsub, topic, names):
            self._record(HopKind.STORED, pubsub, topic, messages[position])

    def _identity(self, pubsub: str, topic: str, message: Message) -> EventIdentity:
        if message.known is not None:
            return identity_of(message)
        return identity_of_published(message, self.pubsubs[pubsub].access.on_broker(topic))

    def _tell_first(
        self, pubsub: str, topic: str, messages: Sequence[Message], tell: Callable[[str, str], None]
    ) -> None:
        if (pubsub, topic) in self._published or len(self._published) >= MOST_TOPICS:
            return
        if not all(map(is_dead_letter, messages)):  # which are meant to lie where nobody takes them
            self._published.add((pubsub, topic))
            tell(pubsub, topic)

    def _allowed(self, pubsub: str, topic: str) -> LoadedPubSub:
        target = self.pubsubs.get(pubsub)
        if target is None:
            raise PubSubUnknown(f"pubsub '{pubsub}' not found")
        if not target.access.may_publish(topic):
            raise PublishNotAllowed(f"topic {topic} is not allowed for app id {self._app_id}")
        return target


def _together(errors: Collection[ComponentError]) -> ComponentError:
    """What one attempt failed with, with its status where all have the same."""
    error, codes = ComponentError("\n".join(map(str, errors))), {each.code for each in errors}
    error.code = codes.pop() if len(codes) == 1 else None
    return error


def _with_http_codes(attempt: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
    """An error that has a status of gRPC gets the one that it is in HTTP."""

    async def attempted() -> None:
        try:
            await attempt()
        except ComponentError as error:
            if error.code is not None:
                error.code = http_status_of(error.code)
            raise

    return attempted


async def _publish_each(
    component: PubSub, topic: str, messages: Mapping[int, Message], taken: Callable[[Message], None]
) -> dict[int, ComponentError]:
    slots = asyncio.Semaphore(BULK_CONCURRENCY)

    async def one(message: Message) -> ComponentError | None:
        async with slots:
            try:
                await component.publish(topic, message)
            except ComponentError as error:
                return error
        taken(message)
        return None

    outcomes = await asyncio.gather(*map(one, messages.values()))
    return {index: error for index, error in zip(messages, outcomes, strict=True) if error is not None}
