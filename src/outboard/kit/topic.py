"""A topic, typed by the data of its events."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeAlias, TypeVar, Unpack, overload

from typing_extensions import TypeForm

from outboard.errors import HandlerUnsuitable, OutboxMissing
from outboard.hops.record import EventIdentity
from outboard.kit.arguments import stripped, wrong
from outboard.kit.models import check_model
from outboard.kit.outbox.port import OwnStaging, Staging, SupportsAdd, SupportsRunSync, stages_itself
from outboard.kit.outbox.schedule import Expiry, Schedule, check_dedupe_key
from outboard.kit.subscriptions.declaration import (
    DEFAULT_DEAD_LETTER,
    BatchDecorator,
    BulkOptions,
    Default,
    OnInvalid,
    SubscribeArguments,
    SubscribeDecorator,
    SubscriptionOptions,
    place_of,
)
from outboard.kit.subscriptions.upcasting import UpcastDecorator
from outboard.kit.telemetry.creation import Creation
from outboard.kit.topics.publisher import (
    EventArguments,
    EventPublisher,
    PublishArguments,
    extensions_of,
)
from outboard.wire.dapr import PARTITION_KEY
from outboard.wire.events import Event, EventCodec
from outboard.wire.versions import EventType, NewestVersion, Version

if TYPE_CHECKING:
    from fastapi import APIRouter

    from outboard.kit.subscriptions.registry import Registry

__all__ = ["OnRefused", "SyncTopic", "Topic"]

T = TypeVar("T")
Older = TypeVar("Older")
Newer = TypeVar("Newer")

ANY_SCHEMA: Final = Default.DEFAULT
DEFAULT_MAX_EVENTS: Final = 100
CANCELLED: Final = "it was cancelled by its dedupe key"
DUPLICATE: Final = "another event with its dedupe key waited"

OnRefused: TypeAlias = Literal["park", "hold"]


@dataclass(frozen=True, eq=False, slots=True)
class Topic(Generic[T]):
    """One topic of one pub/sub component. `board.topic(...)` makes it.

    `type` is the CloudEvents type of what is published, or a function from the data to it; `dataschema` is so
    the URI of its schema. `on_refused` says what a staged event that the sidecar refuses does to the later
    ones of its key: nothing, or it holds them.
    """

    name: str
    pubsub: str
    codec: EventCodec[T]
    type: EventType[T]
    dead_letter: str | None
    publisher: EventPublisher
    registry: Registry
    staging: Staging | None = None
    on_refused: OnRefused = "park"
    dataschema: EventType[T] | None = None

    @property
    def sync(self) -> SyncTopic[T]:
        """The same for synchronous code: a `def` endpoint or handler, a thread, a script."""
        return SyncTopic(self)

    async def publish(
        self,
        data: T,
        *,
        timeout: float | None = None,
        **arguments: Unpack[EventArguments],
    ) -> Event[T]:
        """Publish `data` as a CloudEvent and return the event, once the broker has it.

        `key` orders events: those with the same key are delivered in the order of their publishing, where
        the broker can do that (Dapr's `partitionKey`). A whole number is written in decimal, a UUID in lower
        case with hyphens. `ttl` (seconds, or a timedelta) is the time after which the event is not delivered
        any more. `metadata` is passed to the component. `timeout`, in seconds, bounds the whole call; a
        sidecar that is not there yet is waited for that long.

        `causationid` is the id of the event that this one comes of, `correlationid` that of the conversation
        of both. Unless they are given, they are those of the event or the request that is handled at the
        moment; outside of any, a conversation begins.

        Events that are published at the same time leave together, two of one key one behind the other. Where
        too many wait, the call waits for its turn. One that is cancelled before its event has left has not
        published it.

        Raises SidecarUnavailable, UnexpectedAnswer, PubSubNotFound, PublishForbidden, EventTooLarge,
        TokenRejected, PublishFailed; NotConnected and WrongEventLoop where it is not awaited on the loop of
        the app; InvalidEventData and InvalidCloudEvent where the event itself cannot be.
        """
        hops = self.publisher.hops
        with self.publisher.telemetry.publishing(
            self.pubsub, self.name, arguments.get("extensions")
        ) as creation:
            event, pairs = self.publisher.new_event(data, self.type, creation, self.dataschema, **arguments)
            creation.made(event)
            try:
                is_recorded = await self.publisher.send(
                    event, self.codec, self.pubsub, self.name, pairs, timeout, creation
                )
            except BaseException as error:
                hops.failed(error, event, self.codec, self.pubsub, self.name)
                raise
        if is_recorded:
            hops.published(event, self.codec, self.pubsub, self.name)
        return event

    async def publish_event(
        self,
        event: Event[T],
        *,
        timeout: float | None = None,
        **arguments: Unpack[PublishArguments],
    ) -> Event[T]:
        """Publish an event that keeps the attributes it has; what is missing is filled in.

        One that has a `correlationid` was published before: it gets no `causationid`. Parameters (`timeout`
        in seconds) and errors as of `publish`.
        """
        hops = self.publisher.hops
        with self.publisher.telemetry.publishing(self.pubsub, self.name, extensions_of(event)) as creation:
            whole, pairs = self.publisher.completed(event, creation, self.dataschema, **arguments)
            creation.made(whole)
            try:
                is_recorded = await self.publisher.send(
                    whole, self.codec, self.pubsub, self.name, pairs, timeout, creation
                )
            except BaseException as error:
                hops.failed(error, whole, self.codec, self.pubsub, self.name)
                raise
        if is_recorded:
            hops.published(whole, self.codec, self.pubsub, self.name)
        return whole

    def stage(
        self,
        session: SupportsAdd | OwnStaging,
        data: T,
        *,
        after: timedelta | None = None,
        at: datetime | None = None,
        expires: Expiry | None = None,
        dedupe_key: str | None = None,
        on_duplicate: Callable[[], object] | None = None,
        **arguments: Unpack[EventArguments],
    ) -> Event[T]:
        """Store `data` as a CloudEvent in the transaction of `session`; it is published after the commit.

        `session` is an SQLAlchemy `Session` or `AsyncSession`. The event becomes one of its pending objects:
        it is written when the session is flushed or committed, and gone if that is rolled back. So the call
        does no I/O, and is not awaited. The `InboxEntry` of a state inbox takes events, too, but no times
        and no dedupe key. Events of one `key` are published in the order of their commits. The event is
        final: each attempt to publish it has this id and these bytes. `ttl` counts from when it is
        published. The other parameters are those of `publish`.

        With `after`, or `at`, it is published no earlier. Until then it holds no other event of its key back;
        from then on it has the place in which it was staged, among those that wait. One that was not sent by
        the time `expires` (a timedelta from the commit, or a moment) is not sent any more. With `dedupe_key`,
        nothing is stored while an earlier event of this topic with the same one waits, and `on_duplicate` is
        called at the flush; an event waits until it is due and a relay takes it.

        Raises OutboxMissing, EventTooLarge, InvalidEventData, InvalidCloudEvent, InvalidName, ValueError. The
        flush raises NotDurable. An id that was staged before is published once more, as `publish` would.
        """
        schedule = Schedule.of(after, at, expires, dedupe_key)
        with self.publisher.telemetry.staging(
            self.pubsub, self.name, arguments.get("extensions")
        ) as creation:
            event, pairs = self.publisher.new_event(data, self.type, creation, self.dataschema, **arguments)
            self._stage(session, event, pairs, creation, schedule, on_duplicate)
        return event

    def stage_event(
        self,
        session: SupportsAdd | OwnStaging,
        event: Event[T],
        *,
        after: timedelta | None = None,
        at: datetime | None = None,
        expires: Expiry | None = None,
        dedupe_key: str | None = None,
        on_duplicate: Callable[[], object] | None = None,
        **arguments: Unpack[PublishArguments],
    ) -> Event[T]:
        """Store an event that keeps the attributes it has; what is missing is filled in.

        Parameters (`after` is a timedelta) and errors as of `stage`.
        """
        schedule = Schedule.of(after, at, expires, dedupe_key)
        with self.publisher.telemetry.staging(self.pubsub, self.name, extensions_of(event)) as creation:
            whole, pairs = self.publisher.completed(event, creation, self.dataschema, **arguments)
            self._stage(session, whole, pairs, creation, schedule, on_duplicate)
        return whole

    async def cancel(self, session: SupportsRunSync, dedupe_key: str) -> bool:
        """Take the event that waits with this key out of the outbox, in the transaction of an `AsyncSession`.

        Whether there was one: not where it is being published already, or was. If the transaction is rolled
        back it waits still. With a `Session`, call `topic.sync.cancel`. Raises OutboxMissing, ValueError.
        """
        if not callable(getattr(session, "run_sync", None)) and callable(session):
            session = session()  # a scoped one
        run_sync = getattr(session, "run_sync", None)
        if run_sync is None:
            wrong("session", "an AsyncSession of SQLAlchemy (topic.sync.cancel takes a Session)", session)
        cancelled: bool = await run_sync(lambda synchronous: self.cancel_now(synchronous, dedupe_key))
        return cancelled

    def cancel_now(self, session: SupportsAdd, dedupe_key: str) -> bool:
        """As `SyncTopic.cancel`. Raises OutboxMissing, ValueError."""
        check_dedupe_key(dedupe_key)
        if self.staging is None:
            raise OutboxMissing(self.name)
        gone = self.staging.cancel(session, self.pubsub, self.name, dedupe_key)
        for each in gone:
            ids = EventIdentity(each.event_id, key=each.key or "")
            self.publisher.hops.unsent(ids, self.pubsub, self.name, CANCELLED)
        return bool(gone)

    def _stage(
        self,
        session: SupportsAdd | OwnStaging,
        event: Event[T],
        metadata: Mapping[str, str],
        creation: Creation,
        schedule: Schedule,
        on_duplicate: Callable[[], object] | None,
    ) -> None:
        staging, is_own = self.staging, stages_itself(session)
        if not is_own and not callable(getattr(session, "add", None)):
            wrong("session", "a Session or AsyncSession of SQLAlchemy", session)
        if not is_own and staging is None:
            raise OutboxMissing(self.name)
        creation.made(event)
        publication = self.publisher.written(event, self.codec, self.pubsub, self.name, metadata, creation)
        now = self.publisher.clock.now()

        def duplicate() -> None:
            ids = EventIdentity(event.id, key=metadata.get(PARTITION_KEY, ""))
            self.publisher.hops.unsent(ids, self.pubsub, self.name, DUPLICATE)
            if on_duplicate is not None:
                on_duplicate()

        hold = self.on_refused == "hold"
        if stages_itself(session):
            session.take_staged(publication, event.id, schedule)
        elif staging is not None:
            staging.stage(
                session, publication, event.id, now, hold=hold, schedule=schedule, on_duplicate=duplicate
            )
        self.publisher.hops.staged(event, self.codec, self.pubsub, self.name)

    def subscribe(
        self,
        path: str,
        *,
        bulk: bool | BulkOptions = False,
        **options: Unpack[SubscribeArguments],
    ) -> SubscribeDecorator[T]:
        """Decorate a function that handles the events of this topic; `path` becomes its POST route.

        The function takes `Event[T]` first, then whatever FastAPI can inject. What it does decides:
        it returns (or returns DeliveryStatus.SUCCESS): handled; it raises, or returns RETRY: delivered
        again; it raises `Drop("why")`: poison, as are events that are not valid.

        `router` is an APIRouter that the app includes; without one, every app that the board is mounted on
        serves the route. Of several handlers of one topic, the first in order of `priority` whose
        `match` (a CEL expression over `event`) is true gets the event; one without `match` takes the rest.

        Poison is published to `dead_letter` ("<topic>-dead" unless the topic or this call names another).
        With `dead_letter=None` it is held: delivered again until somebody repairs what is wrong;
        `on_invalid="drop"` drops it instead, with a warning. `announce_dead_letter=True` tells the sidecar of
        the dead letter topic too: without a retry policy, daprd then uses it at the first failure.
        `metadata` is that of the subscription; `name` is the name of the route.

        With `bulk`, the sidecar is asked to deliver many events in one request. The function still takes one
        at a time, each with its own dependencies: those of one key in order, others beside each other. What
        comes alone is taken too. `BulkOptions` has the bounds of a delivery.

        Raises InvalidName, HandlerUnsuitable.
        """
        asked = BulkOptions() if bulk is True else None if bulk is False else bulk
        return SubscribeDecorator(
            self.pubsub,
            self.name,
            self.codec,
            replace(self._options(path, **options), bulk=asked),
            self.registry.add,
        )

    def subscribe_batch(
        self,
        path: str,
        *,
        max_events: int = DEFAULT_MAX_EVENTS,
        max_await_duration_ms: int = 0,
        **options: Unpack[SubscribeArguments],
    ) -> BatchDecorator[T]:
        """Decorate a function that takes many events of this topic at once, as `Sequence[Event[T]]`.

        Its dependencies are made once for all of them, so that one transaction will do. It is given at most
        `max_events`, in their order; one, where the sidecar delivers events alone. The sidecar may wait for
        them up to `max_await_duration_ms` (0: 10 ms). The other parameters are those of `subscribe`.

        It returns: all are handled. It, or the end of a dependency, raises: all are delivered again. It may
        return a DeliveryStatus for all, or a sequence with one for each. An event that cannot be read is not
        among those that it gets, and is settled alone. Where it raises `Drop`, which is about one event, it
        is given each of them once more, alone.

        Raises InvalidName, HandlerUnsuitable.
        """
        asked = BulkOptions(max_messages_count=max_events, max_await_duration_ms=max_await_duration_ms)
        made = replace(self._options(path, **options), bulk=asked, max_events=max_events)
        return BatchDecorator(self.pubsub, self.name, self.codec, made, self.registry.add)

    @overload
    def upcast(
        self,
        model: TypeForm[Older],
        *,
        type: str | None = None,
        dataschema: str | Default | None = ANY_SCHEMA,
    ) -> UpcastDecorator[Older, T]: ...

    @overload
    def upcast(
        self,
        model: TypeForm[Older],
        *,
        to: TypeForm[Newer],
        type: str | None = None,
        dataschema: str | Default | None = ANY_SCHEMA,
    ) -> UpcastDecorator[Older, Newer]: ...

    def upcast(
        self,
        model: Any,
        *,
        to: Any = None,
        type: str | None = None,
        dataschema: str | Default | None = ANY_SCHEMA,
    ) -> UpcastDecorator[Any, Any]:
        """Decorate a function from data of an older version, of type `model`, to the newest, the topic's.

        Events of that version have this `type`, or this `dataschema` (None: they have none), or both. The
        function is pure and takes the data alone; handlers get what it returns, in an event with the type and
        the schema that the topic has. With `to`, it returns data of a version in between, for which another
        upcaster stands. It may raise `Drop`.

        An event of a version that is neither the topic's nor has an upcaster is poison, with the error
        EventVersionUnknown. A version is told by its `dataschema` where the topic or an upcaster has one, and
        by its `type` where it is another number of one that an upcaster names (`order.v3` of `order.v1`).

        Raises ModelUnusable, UpcasterUnsuitable; the start of the app raises the latter where no way leads to
        the newest.
        """
        for each in (model, *(() if to is None else (to,))):
            check_model(f"an older version in topic '{self.name}'", each)
        version = Version(type, None if isinstance(dataschema, Default) else dataschema or "")
        versions = self.codec.versioned(self.name, NewestVersion(self.type, self.dataschema))
        return UpcastDecorator(version, model, to, versions)

    def _options(
        self,
        path: str,
        *,
        router: APIRouter | None = None,
        match: str = "",
        priority: int = 0,
        dead_letter: str | Default | None = DEFAULT_DEAD_LETTER,
        on_invalid: OnInvalid = "hold",
        announce_dead_letter: bool = False,
        metadata: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> SubscriptionOptions:
        given: object = path
        if callable(given):  # else the handler would be taken for a path, and never be declared
            advice = 'Write `@topic.subscribe("/events/task")`, with the path that its events come to'
            raise HandlerUnsuitable(place_of(given), "is decorated without a path", advice)
        return SubscriptionOptions(
            path=path,
            router=router,
            match=stripped(match),
            priority=priority,
            dead_letter=self.dead_letter if isinstance(dead_letter, Default) else dead_letter,
            dead_letter_named=not isinstance(dead_letter, Default),
            on_invalid=on_invalid,
            announce=announce_dead_letter,
            metadata={} if metadata is None else metadata,
            name=name,
        )


@dataclass(frozen=True, eq=False, slots=True)
class SyncTopic(Generic[T]):
    """Publishes to a topic from synchronous code, while the app runs or `with board.connected():` does.

    Each call does on the board's event loop what `topic` does when it is awaited, and waits for it: with the
    same parameters, results and errors, in the trace of its caller. Raises EventLoopBlocked on the thread of
    that loop. To stage an event is synchronous already: `Topic.stage`.
    """

    topic: Topic[T]

    def publish(
        self,
        data: T,
        *,
        timeout: float | None = None,
        **arguments: Unpack[EventArguments],
    ) -> Event[T]:
        """As `Topic.publish`."""
        return self._run(lambda: self.topic.publish(data, timeout=timeout, **arguments))

    def publish_event(
        self,
        event: Event[T],
        *,
        timeout: float | None = None,
        **arguments: Unpack[PublishArguments],
    ) -> Event[T]:
        """As `Topic.publish_event`."""
        return self._run(lambda: self.topic.publish_event(event, timeout=timeout, **arguments))

    def cancel(self, session: SupportsAdd, dedupe_key: str) -> bool:
        """Take the event that waits with this key out of the outbox, in the transaction of a `Session`.

        Otherwise as `Topic.cancel`; the app need not run.
        """
        return self.topic.cancel_now(session, dedupe_key)

    def _run(self, function: Callable[[], Coroutine[object, None, Event[T]]]) -> Event[T]:
        operation = f"publishing to topic '{self.topic.name}'"
        return self.topic.publisher.connections.calls(operation).run(operation, function)
