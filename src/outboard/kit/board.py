"""The board: what a service declares, and its connection to the sidecar."""

from __future__ import annotations

import asyncio
import logging
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    ExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar, Unpack, get_args, overload

from fastapi import FastAPI
from typing_extensions import TypeForm

from outboard.clock import Clock, SystemClock
from outboard.hops.journal import Journal
from outboard.kit.arguments import caller, check_count, check_instance, check_mapping, check_number, wrong
from outboard.kit.client.settings import Protocol, Settings
from outboard.kit.connecting import Connecting
from outboard.kit.databases import BoardDatabases
from outboard.kit.deadletters.replay import Publishing
from outboard.kit.deadletters.sql.dead_letters import CollectOptions, DeadLetters, LettersOwner
from outboard.kit.inbox.port import Owner
from outboard.kit.inbox.sql.inbox import DEFAULT_KEEP, DEFAULT_PREFIX, Inbox
from outboard.kit.inbox.state.inbox import DEFAULT_REMEMBER, EventKey, StateInbox
from outboard.kit.inbox.state.outgoing import OutgoingPublisher
from outboard.kit.inbox.state.record import MAX_RECORD_BYTES, RecordCodec
from outboard.kit.models import check_model
from outboard.kit.names import check_name, check_optional
from outboard.kit.outbox.sql.outbox import Outbox
from outboard.kit.serving import BoardEndpoints
from outboard.kit.shown_record import shown_record
from outboard.kit.state.codec import StateCodec
from outboard.kit.state.store import State
from outboard.kit.streaming.program import started, until_stopped
from outboard.kit.streaming.streams import Streams
from outboard.kit.subscriptions.declaration import DEFAULT_DEAD_LETTER, Default, dead_letter_topic
from outboard.kit.subscriptions.middlewares.causation import name_cause
from outboard.kit.subscriptions.middlewares.telemetry import traced
from outboard.kit.subscriptions.outcomes import Attempts, DeadLetterSettings, HandlerFailure
from outboard.kit.subscriptions.registry import Registry
from outboard.kit.telemetry.messaging import Messaging
from outboard.kit.threads import LoopOrThread
from outboard.kit.topic import OnRefused, Topic
from outboard.kit.topics.connections import Connections
from outboard.kit.topics.hops import PublishingHops
from outboard.kit.topics.models import TopicModels
from outboard.kit.topics.publisher import EventArguments, EventPublisher
from outboard.kit.topics.queue import PublishLimits
from outboard.wire.cloudevents import check_schema
from outboard.wire.dapr import DEFAULT_MAX_BODY_BYTES, EVENT_TYPE
from outboard.wire.events import Event, EventCodec
from outboard.wire.http import Exchange
from outboard.wire.versions import EventType, NewestVersion

if TYPE_CHECKING:
    from outboard.kit.inbox.sql.sessions import SessionSource
    from outboard.kit.inbox.sql.table import TableMetadata
    from outboard.kit.outbox.sql.engine import EngineSource

__all__ = ["MountedBoard", "Outboard"]

log: Final = logging.getLogger("outboard.subscriptions")

T = TypeVar("T")

DEFAULT_TIMEOUT: Final = 5.0
MAX_BATCH_BYTES: Final = 2**20
HEALTH_PATH: Final = "/healthz"


@dataclass(frozen=True)
class MountedBoard(BoardEndpoints):
    """The endpoints of `board`: by them `outboard.testing` finds the board of an app."""

    board: Outboard


class Outboard:
    """Topics, subscriptions and state of one service. Making one does no I/O.

    Names that are not given come from the environment: `app_id` from APP_ID, `pubsub` from DAPR_PUBSUB_NAME
    (else "pubsub"), `state_store` from DAPR_STATE_STORE_NAME (else "statestore"), the sidecar's address from
    DAPR_HTTP_ENDPOINT or DAPR_HTTP_PORT (else 127.0.0.1:3500), the tokens from DAPR_API_TOKEN (sent) and
    APP_API_TOKEN (asked for). `protocol`, "http" or "grpc", comes from DAPR_API_PROTOCOL (else "http"); over
    gRPC, which needs `outboard[grpc]`, the address is DAPR_GRPC_ENDPOINT or DAPR_GRPC_PORT (else
    127.0.0.1:50001). `timeout`, in seconds, bounds every call that does not name its own; an event
    of more than `max_event_bytes` is refused before it is sent. With `streaming` (OUTBOARD_STREAMING unless
    given) events come by streams that the app opens over gRPC, and it needs no port. With an `outbox`, topics
    can `stage` events in the app's own transactions; the lifespan publishes them.

    Raises SettingInvalid, InvalidName.
    """

    def __init__(
        self,
        *,
        app_id: str | None = None,
        pubsub: str | None = None,
        state_store: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_event_bytes: int = DEFAULT_MAX_BODY_BYTES,
        outbox: Outbox | None = None,
        protocol: Protocol | None = None,
        streaming: bool | None = None,
        environ: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        check_mapping("environ", environ)
        check_number("timeout", timeout)
        check_count("max_event_bytes", max_event_bytes)
        check_instance("streaming", streaming, bool, "True or False")
        if outbox is not None and not hasattr(outbox, "staging"):
            wrong("outbox", "an Outbox", outbox)
        if clock is not None and not callable(getattr(clock, "now", None)):
            wrong("clock", "a clock", clock)
        variables = os.environ if environ is None else environ
        settings = Settings.from_environ(variables)
        self.settings: Final = replace(
            settings,
            app_id=check_optional("app", app_id, settings.app_id),
            pubsub=check_optional("pub/sub", pubsub, settings.pubsub),
            state_store=check_optional("state store", state_store, settings.state_store),
            protocol=_checked_protocol(protocol) or settings.protocol,
            streaming=settings.streaming if streaming is None else streaming,
        )
        self.outbox: Final = outbox
        self._databases = BoardDatabases(variables, self.settings.app_id)
        if outbox is not None:
            self._databases.add("outbox", outbox)
        self._timeout = timeout
        self._clock = clock or SystemClock()
        self._call_clock = clock or SystemClock()
        self._connections = Connections()
        self._telemetry = Messaging(
            self.settings.address,
            group=self.settings.consumer_group,
            continues=self.settings.continue_traces,
        )
        self._journal = Journal(self.settings.app_id, self._clock)
        self._publisher = EventPublisher(
            self._connections,
            self.settings.app_id,
            timeout,
            max_event_bytes,
            self._clock,
            os.urandom,
            self._telemetry,
            PublishingHops(self._journal),
        )
        self._dead_letters = dead_letters = DeadLetterSettings(
            self._connections,
            Attempts(),
            self.settings.app_id,
            timeout,
            self._clock,
            self._journal,
            self._telemetry,
        )
        middlewares = (traced(self._telemetry), name_cause)  # the outermost first
        self._registry = Registry(dead_letters, self.settings.app_token, middlewares, self._telemetry)
        self._models = TopicModels()
        self._streams = Streams(self.settings, self._registry, self._connections, self._clock, random.random)
        record = shown_record(variables, self.settings.app_token)
        self._endpoints = MountedBoard(self._registry, self._streams, self.settings.app_token, record, self)
        self._connecting = Connecting(
            self.settings,
            variables,
            self._connections,
            PublishLimits(batch_bytes=min(MAX_BATCH_BYTES, max_event_bytes)),
            self._call_clock,
            timeout,
            self._telemetry,
            self._journal,
        )

    @overload
    def topic(
        self,
        name: str,
        model: TypeForm[T],
        *,
        pubsub: str | None = None,
        type: EventType[T] = EVENT_TYPE,
        dataschema: EventType[T] | None = None,
        dead_letter: str | Default | None = DEFAULT_DEAD_LETTER,
        on_refused: OnRefused = "park",
    ) -> Topic[T]: ...

    @overload
    def topic(
        self,
        name: str,
        *,
        pubsub: str | None = None,
        type: EventType[object] = EVENT_TYPE,
        dataschema: EventType[object] | None = None,
        dead_letter: str | Default | None = DEFAULT_DEAD_LETTER,
        on_refused: OnRefused = "park",
    ) -> Topic[object]: ...

    def topic(
        self,
        name: str,
        model: Any = object,
        *,
        pubsub: str | None = None,
        type: EventType[Any] = EVENT_TYPE,
        dataschema: EventType[Any] | None = None,
        dead_letter: str | Default | None = DEFAULT_DEAD_LETTER,
        on_refused: OnRefused = "park",
    ) -> Topic[Any]:
        """A topic of `pubsub` (the board's unless given) with events of type `model`, a union perhaps.

        `type` is the CloudEvents type of what is published, or a function from the data to it; so is
        `dataschema` the absolute URI of its schema, which tells versions apart: `Topic.upcast` reads older
        ones, and events that have another are poison. `dead_letter` is where poison goes: "<name>-dead"
        unless given, nowhere if None. `on_refused` is for staged events that the sidecar refuses as such:
        "park" sets one aside, and the later ones of its key go on; "hold" lets them wait for it. Without a
        `model`, data is any JSON.
        Raises InvalidName, InvalidCloudEvent, ModelUnusable.
        """
        if on_refused not in get_args(OnRefused):
            wrong("on_refused", "'park' or 'hold'", on_refused)
        named, of = check_name("topic", name), check_optional("pub/sub", pubsub, self.settings.pubsub)
        check_model(f"topic '{named}'", model)
        codec = self._models.declared(of, named, EventCodec(model))
        newest = NewestVersion(_checked_type(type), _checked_schema(dataschema))
        if newest.dataschema is not None:
            codec.versioned(named, newest)
        return Topic(
            name=named,
            pubsub=of,
            codec=codec,
            type=newest.type,
            dataschema=newest.dataschema,
            dead_letter=dead_letter_topic(name, dead_letter),
            publisher=self._publisher,
            registry=self._registry,
            staging=None if self.outbox is None else self.outbox.staging,
            on_refused=on_refused,
        )

    async def publish(
        self,
        topic: str,
        data: object,
        *,
        pubsub: str | None = None,
        timeout: float | None = None,
        **arguments: Unpack[EventArguments],
    ) -> Event[object]:
        """Publish any JSON data to a topic by its name.

        Parameters (`timeout` in seconds) and errors as of `Topic.publish`.
        """
        return await self.topic(topic, pubsub=pubsub).publish(data, timeout=timeout, **arguments)

    @overload
    def state(self, model: TypeForm[T], *, store: str | None = None) -> State[T]: ...

    @overload
    def state(self, *, store: str | None = None) -> State[object]: ...

    def state(self, model: Any = object, *, store: str | None = None) -> State[Any]:
        """A state store (the board's unless given) with values of type `model`; without one, any JSON.

        Raises InvalidName, ModelUnusable.
        """
        checked = check_optional("state store", store, self.settings.state_store)
        check_model(f"state store '{checked}'", model)
        return State(
            store=checked,
            codec=StateCodec(model),
            timeout=self._timeout,
            sidecar=self._connections.sidecar,
            calls=self._connections.calls,
        )

    def inbox(
        self,
        engine: SessionSource,
        *,
        metadata: TableMetadata | None = None,
        prefix: str = DEFAULT_PREFIX,
        schema: str | None = None,
        keep: timedelta = DEFAULT_KEEP,
        max_attempts: int | None = None,
    ) -> Inbox:
        """An `Inbox` in a database of the app's, whose session lets handlers apply each event once.

        Raises ExtraMissing; TypeError for arguments that are none.
        """
        owner = Owner(self.settings.app_id, self._clock)
        return Inbox(
            engine,
            owner,
            metadata=metadata,
            prefix=prefix,
            schema=schema,
            keep=keep,
            max_attempts=max_attempts,
        )

    def state_inbox(
        self,
        model: TypeForm[T],
        *,
        key: EventKey,
        store: str | None = None,
        remember: int = DEFAULT_REMEMBER,
        max_bytes: int = MAX_RECORD_BYTES,
        max_attempts: int | None = None,
    ) -> StateInbox[T]:
        """A `StateInbox` in a state store (the board's unless given): for handlers without a SQL database.

        `key` gives the key under which the value of type `model` lies that an event changes. Of each handler
        the last `remember` events of a key are remembered. A record has at most `max_bytes` bytes. What a
        handler could not handle at `max_attempts` attempts is a dead letter; None for as often as it comes.
        Raises InvalidName, ModelUnusable; TypeError and ValueError for arguments that are none.
        """
        checked = check_optional("state store", store, self.settings.state_store)
        check_model(f"state inbox in '{checked}'", model)
        return StateInbox(
            State(
                checked,
                RecordCodec(model, max_bytes),
                self._timeout,
                self._connections.sidecar,
                self._connections.calls,
            ),
            key,
            self.settings.app_id,
            OutgoingPublisher(self._publisher.relay, self._timeout, self._journal),
            remember,
            max_attempts,
        )

    def dead_letters(self, engine: EngineSource, **options: Unpack[CollectOptions]) -> DeadLetters:
        """Collect the dead letters of the app's handlers, and of `topics`, in a table: see `DeadLetters`.

        Raises ExtraMissing, InvalidName; TypeError for arguments that are none.
        """
        owner = LettersOwner(
            self.settings.app_id,
            self.settings.pubsub,
            self._clock,
            self._registry,
            self._models.codec,
            Publishing(self._publisher.relay, os.urandom, self._journal, self._call_clock),
            None if self.outbox is None else self.outbox.store,
        )
        letters = DeadLetters(engine, owner, f"board.dead_letters ({caller()})", **options)
        self._databases.add("letters", letters)
        return letters

    def mount(self, app: FastAPI, *, health_path: str | None = HEALTH_PATH) -> None:
        """Serve `/dapr/subscribe`, a health endpoint (none if None), and the handlers without a router.

        Call it before the app starts. `outboard doctor --canary` is told which of its canaries have come, at
        `/dapr/outboard/canaries`, by the app's token; at `/dapr/outboard/hops`, `outboard trace --namespace`
        is shown the record of hops, where there is one and a token. Where the app serves `/dapr/subscribe`
        too, the answer has the subscriptions of both; a health endpoint of its own stays the one that
        answers. What a request publishes belongs to its trace, and to one conversation.
        """
        _check_app(app)
        if health_path is not None and not str(health_path).startswith("/"):
            wrong("health_path", "a path that begins with '/'", health_path)
        self._endpoints.mount(app, health_path)

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """For `FastAPI(lifespan=board.lifespan)`: checks the declarations, and connects while the app runs.

        An app with a lifespan of its own writes `async with board.lifespan(app): yield` in it.
        Raises NotMounted, RouterNotIncluded, DuplicateSubscription, HandlerUnsuitable.
        """
        _check_app(app)
        self._endpoints.check(app)
        self._databases.tell()
        async with self.connected(), self._relaying():
            yield

    def connected(self, *, exchange: Exchange | None = None) -> LoopOrThread[None, None]:
        """Be connected to the sidecar while the block runs: for scripts, and for lifespans.

        `async with` connects on the running event loop. A plain `with` is for synchronous code: it starts a
        loop in a thread of its own, on which what is called through `.sync` runs. The sidecar need not be
        there yet. With an `exchange`, everything goes through it as long as the block runs, also what runs in
        an app's lifespan inside or outside of it.
        """
        if exchange is not None and not callable(exchange):
            wrong("exchange", "a function from a request to a response", exchange)
        return LoopOrThread(self._connecting.connected(exchange), lambda given, portal: nullcontext())

    @asynccontextmanager
    async def subscribed(self, app: FastAPI | None = None) -> AsyncIterator[None]:
        """Take the events of the handlers while the block runs: for a program without a server.

        The board has to be one for `streaming`. `app`, with its lifespan, routers, dependencies and
        exception handlers, is started as by a server, but at no port; without one, the handlers need no
        router. At the end of the block, what is in flight is settled.

        Raises NotStreaming, ExtraMissing, and what the start of the app raises.
        """
        self._streams.demand("taking events in a program of one's own")
        if app is None:
            app = FastAPI(lifespan=self.lifespan, openapi_url=None)
            self.mount(app, health_path=None)
        _check_app(app)
        async with started(app):
            yield

    def run(self, app: FastAPI | None = None) -> None:
        """Be `subscribed` until the program is asked to stop (Ctrl-C, SIGTERM): for its last line.

        Raises as `subscribed`.
        """
        asyncio.run(until_stopped(self.subscribed(app)))

    @contextmanager
    def tested(
        self, clock: Clock, call_clock: Clock, told: Callable[[HandlerFailure], None]
    ) -> Iterator[None]:
        """For `outboard.testing`: while the block runs, its clocks are used, and it is told of failures.

        Calls to the sidecar are timed by `call_clock`, everything else by `clock`, the outbox included. A
        board that was given a clock keeps it. `told` is called with each exception of a handler.
        """
        failures = self._dead_letters.failures
        with ExitStack() as stack:
            for own, other in ((self._clock, clock), (self._call_clock, call_clock)):
                if isinstance(own, SystemClock):
                    stack.enter_context(own.replaced_by(other))
            if self.outbox is not None:
                stack.enter_context(self.outbox.timed_by(clock))
            stack.enter_context(self._connections.used_from_anywhere())
            failures.append(told)
            stack.callback(failures.remove, told)
            yield

    @property
    def codecs(self) -> Mapping[tuple[str, str], EventCodec[Any]]:
        """By pub/sub component and name, those of the topics that were declared with a model."""
        return self._models.codecs

    def _relaying(self) -> AbstractAsyncContextManager[None]:
        if self.outbox is None:
            return nullcontext()
        publish, journal = self._publisher.relay, self._journal
        return self.outbox.relaying(
            publish, self._clock, self._timeout, random.random, journal, self._telemetry
        )


def _checked_protocol(protocol: Protocol | None) -> Protocol | None:
    if protocol not in (None, *get_args(Protocol)):
        wrong("protocol", "'http' or 'grpc'", protocol)
    return protocol


def _checked_type(type: EventType[T]) -> EventType[T]:
    if not isinstance(type, str) and not callable(type):
        wrong("type", "a text, or a function from the data to one", type)
    return type


def _checked_schema(dataschema: EventType[T] | None) -> EventType[T] | None:
    if isinstance(dataschema, str):
        check_schema(dataschema)
    elif dataschema is not None and not callable(dataschema):
        wrong("dataschema", "a URI, or a function from the data to one", dataschema)
    return dataschema


def _check_app(app: object) -> None:
    if not isinstance(app, FastAPI):
        wrong("app", "the FastAPI app", app)
