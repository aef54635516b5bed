"""The sidecars of one test: each beside its app, in this process, with the shipped code between them."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from outboard.asgi import ASGIApp
from outboard.clock import SystemClock
from outboard.errors import InvalidCloudEvent, InvalidEventData
from outboard.hops.deliveries import DeadLetter, Delivery, dead_letters, deliveries, of_kind, payload_id
from outboard.hops.record import HopKind
from outboard.kit.arguments import check_count, check_number
from outboard.kit.board import Outboard
from outboard.kit.client.settings import Settings
from outboard.kit.topic import Topic
from outboard.testing.arguments import check_board, check_engine, check_served, check_topic
from outboard.testing.asgi import AppLifespan
from outboard.testing.boards import ConnectedBoards, board_of
from outboard.testing.chaos import Chaos
from outboard.testing.engines.memory import InMemoryEngine
from outboard.testing.engines.port import MEMORY, RunningSidecar, SidecarEngine
from outboard.testing.engines.processes import ProcessEngine
from outboard.testing.in_flight import telling_of_hung
from outboard.testing.project import NotSubscribed, Project
from outboard.testing.quiet import Quietness, SettledQuietness
from outboard.testing.recording import HopRecording, NotSeen
from outboard.testing.session import QUIET_SECONDS, EventSession, World
from outboard.testing.staged import StagedEvents
from outboard.testing.sync_session import SessionScope
from outboard.testing.traffic import Traffic
from outboard.testing.virtual_clock import CallClock, VirtualClock
from outboard.wire.dapr import API_TOKEN_HEADER, METADATA_PATH, DeliveryStatus
from outboard.wire.events import Event
from outboard.wire.http import Exchange, Request

__all__ = ["Harness"]

T = TypeVar("T")

DEFAULT_TIMEOUT: Final = 5.0
DRAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Mark:
    """How far a test has looked at one topic."""

    pubsub: str
    topic: str
    what: str


class _Beside(NamedTuple):
    """A sidecar of a test, with its app or without one."""

    app_id: str
    api_token: str
    sidecar: RunningSidecar
    exchange: Exchange


class Harness:
    """Serves apps with the real sidecar beside each, without sockets, and tells what became of every event.

    Sidecars share their in-memory components, and no delay takes time: a retry after five seconds comes at
    once. `resources` are folders of Dapr resource files. Without any, the components of the `project` count:
    those that its run file gives to each app, in memory, under their names. Without either, the pub/sub
    component and the state store that a board names are in-memory. As with Kafka, an event whose handler
    fails is then delivered again for ever, and events are in order where they have the same key.

    On an `engine` that is not "memory" ("sqlite", "daprd") each sidecar is a process, the app is at a port of
    loopback, and time is real; there is no clock to advance, and there are no faults.

    While it serves, Python's garbage collector looks for cycles less often, as in a sidecar's own process.

    Where a method waits, `timeout` is in seconds, and NotSeen, an AssertionError, tells what did happen.
    """

    def __init__(
        self, resources: Sequence[Path] = (), *, project: Project | None = None, engine: str = MEMORY
    ) -> None:
        check_engine(engine)
        self._project = project
        self._clock = VirtualClock()
        self._record = HopRecording()
        self._staged = StagedEvents()
        self._traffic = Traffic()
        self._engine: SidecarEngine
        if engine == MEMORY:
            self._engine = InMemoryEngine(resources, project, self._clock, self._record)
            self._boards = ConnectedBoards(self._clock, CallClock(self._clock))
            quietness = Quietness(self._traffic, lambda: self._staged.used)
        else:
            self._engine = ProcessEngine(engine, resources, project, self._record)
            self._boards = ConnectedBoards(SystemClock(), SystemClock())
            quietness = SettledQuietness(self._traffic, self._staged, lambda: self._record.unsettled)
        hops, unsettled = self._record.hops, lambda: self._record.unsettled
        self._world = World(
            engine, self._clock, self._traffic, quietness, hops, lambda: self._boards.codecs, unsettled,
            self._record.untaken,
        )  # fmt: skip
        self._chaos: Chaos | None = None
        self.sessions: list[EventSession] = []
        """Those that there were, in their order."""
        self._seen: dict[_Mark, int] = {}
        self._app_ids: set[str] = set()

    @asynccontextmanager
    async def serving(
        self, app: ASGIApp, board: Outboard | None = None, *, app_id: str | None = None
    ) -> AsyncIterator[Exchange]:
        """Run `app`, its lifespan included, with a sidecar; yields the way to the sidecar's HTTP API.

        `board` is the app's own and is connected to that sidecar; a service written without the kit has none.
        Raises what the app's start or the resource files raise, and NotSubscribed where an app of the project
        asks for events that it does not get.
        """
        check_served(app, board, app_id)
        async with (
            telling_of_hung(app, DRAIN_SECONDS) as hung,
            AppLifespan.of(app) as life,
            self._beside(board, app_id, life, app) as beside,
        ):
            await life.start()
            self._refuse_unsubscribed(beside)
            subscribed = await _subscribed(beside.exchange, beside.api_token)
            self._record.expect(beside.app_id, subscribed)
            try:
                yield beside.exchange
            finally:
                self._record.forget(beside.app_id)
                life.in_flight.closing, life.in_flight.hung = True, hung

    @asynccontextmanager
    async def connected(self, board: Outboard, *, app_id: str | None = None) -> AsyncIterator[Exchange]:
        """A sidecar without an app, for a `board` that only publishes or keeps state."""
        check_board(board)
        async with self._beside(board, app_id, None, None) as beside:
            yield beside.exchange

    @property
    def traffic(self) -> Traffic:
        """What goes between apps and sidecars."""
        return self._traffic

    @property
    def chaos(self) -> Chaos | None:
        """What `--outboard-chaos` does to deliveries."""
        return self._chaos

    @chaos.setter
    def chaos(self, chaos: Chaos | None) -> None:
        self._chaos = chaos
        if chaos is not None:
            self._world.demand_memory("chaos", "leave --outboard-chaos out, or let the test run in memory")
            self._traffic.faults.append(chaos)

    def session(self, *apps: ASGIApp | Outboard, timeout: float = QUIET_SECONDS) -> SessionScope:
        """Serve `apps` while an `EventSession` runs, beside those that are served already.

        It ends when all is quiet. The boards of apps are found by what is mounted; a board alone is
        `connected`. `async with` gives an `EventSession`, `with` a `SyncEventSession`, for tests without an
        event loop. At the end `timeout` is in seconds of real time; NotSeen tells what was still under way.
        Raises TypeError for what is no app, and an ExceptionGroup at the end: see `EventSession`.
        """
        check_number("timeout", timeout)
        return SessionScope(self._session(apps, timeout))

    @asynccontextmanager
    async def _session(
        self, apps: Sequence[ASGIApp | Outboard], timeout: float
    ) -> AsyncIterator[EventSession]:
        session = EventSession(self._world)
        try:
            async with AsyncExitStack() as serving:
                serving.callback(setattr, self._traffic, "refused", ())
                with ExitStack() as standing:
                    standing.enter_context(self._clock.stopped())
                    standing.enter_context(self._boards.of_session(session.failed))
                    self.sessions.append(session)
                    for app in apps:
                        await serving.enter_async_context(self._served(app))
                    standing.callback(session.end)
                    yield session
                    await self._until_quiet(session, timeout)
                    left = await self._staged.left()
                # From here on the apps are shut down, and what is not settled is not tried again.
                self._traffic.refused = apps
        except BaseException as error:
            session.tell(error)
            raise
        if unhandled := [*session.unhandled(), *left]:
            group = ExceptionGroup("events that were not handled", unhandled)
            session.tell(group)
            raise group

    async def _until_quiet(self, session: EventSession, timeout: float) -> None:
        """Where it does not become so as a handler fails again and again, that is what is to be told."""
        try:
            await session.quiet(timeout)
        except NotSeen:
            if self._engine.name == MEMORY or not session.unhandled():
                raise

    def published(self, topic: Topic[T]) -> list[Event[T]]:
        """The events that were published to `topic` so far. Raises InvalidCloudEvent, InvalidEventData."""
        check_topic(topic)
        hops = of_kind(self._record.hops, topic.pubsub, topic.name, HopKind.STORED)
        return [topic.codec.decode(hop.payload) for hop in hops]

    def deliveries(self, topic: Topic[T]) -> list[Delivery]:
        """Every delivery of an event of `topic` so far, redeliveries included, in their order."""
        check_topic(topic)
        return deliveries(self._record.hops, topic.pubsub, topic.name)

    def dead_letters(self, topic: Topic[T]) -> list[DeadLetter]:
        """What came from `topic` and was put on a dead letter topic so far, by the kit or by the sidecar."""
        check_topic(topic)
        return dead_letters(self._record.hops, topic.pubsub, topic.name)

    async def handled(self, topic: Topic[T], timeout: float = DEFAULT_TIMEOUT) -> Event[T]:
        """The next event of `topic` that a handler has settled with SUCCESS; each call gives another one.

        A dead letter that the kit has published is settled in another way, and not among them. `timeout` is
        in seconds. Raises NotSeen.
        """
        check_topic(topic)
        dead = {letter.event_id for letter in self.dead_letters(topic)}

        def handled() -> list[bytes]:
            hops = of_kind(self._record.hops, topic.pubsub, topic.name, HopKind.DELIVERED)
            dead.update(letter.event_id for letter in self.dead_letters(topic))
            return [
                hop.payload
                for hop in hops
                if hop.outcome == DeliveryStatus.SUCCESS
                and payload_id(hop.payload) not in dead
                and _is_event(topic, hop.payload)
            ]

        mark = _Mark(topic.pubsub, topic.name, "handled")
        position = self._seen.get(mark, 0)
        what = f"no (further) event of '{topic.name}' was handled"
        await self._record.wait(lambda: len(handled()) > position, timeout, what)
        self._seen[mark] = position + 1
        return topic.codec.decode(handled()[position])

    async def retried(self, topic: Topic[T], times: int = 1, timeout: float = DEFAULT_TIMEOUT) -> Delivery:
        """The delivery by which some event of `topic` was answered RETRY for the `times`-th time.

        `timeout` is in seconds. Raises NotSeen.
        """
        check_topic(topic)
        check_count("times", times)

        def nth() -> Delivery | None:
            counts: dict[tuple[str, str], int] = {}
            for delivery in self.deliveries(topic):
                if delivery.outcome == DeliveryStatus.RETRY:
                    key = delivery.app_id, delivery.event_id
                    counts[key] = counts.get(key, 0) + 1
                    if counts[key] == times:
                        return delivery
            return None

        what = f"no event of '{topic.name}' was answered RETRY {times} time(s)"
        await self._record.wait(lambda: nth() is not None, timeout, what)
        found = nth()
        assert found is not None
        return found

    async def dead_lettered(self, topic: Topic[T], timeout: float = DEFAULT_TIMEOUT) -> DeadLetter:
        """The next event on the dead letter topic of `topic`; each call gives another one.

        `timeout` is in seconds. Raises NotSeen.
        """
        check_topic(topic)
        mark = _Mark(topic.pubsub, topic.name, "dead-lettered")
        position = self._seen.get(mark, 0)
        what = f"no (further) event of '{topic.name}' was dead-lettered"
        await self._record.wait(lambda: len(self.dead_letters(topic)) > position, timeout, what)
        self._seen[mark] = position + 1
        return self.dead_letters(topic)[position]

    async def settled(self, timeout: float = DEFAULT_TIMEOUT) -> None:
        """Return when every event that was published has come to its end at every app that takes it.

        What is staged, and committed, is published first. `timeout` is in seconds. Raises NotSeen.
        """
        await self._staged.published(timeout)
        await self._record.wait(lambda: not self._record.unsettled, timeout, "not every event was settled")

    def _served(self, app: ASGIApp | Outboard) -> AbstractAsyncContextManager[Exchange]:
        return self.connected(app) if isinstance(app, Outboard) else self.serving(app, board_of(app))

    @asynccontextmanager
    async def _beside(
        self, board: Outboard | None, app_id: str | None, channel: Exchange | None, app: ASGIApp | None
    ) -> AsyncIterator[_Beside]:
        settings = board.settings if board is not None else Settings.from_environ(os.environ)
        wanted = app_id or settings.app_id
        if self._project is not None:
            wanted = self._project.app_id(wanted, app)
        name = self._free_app_id(wanted)
        seen = channel and self._traffic.passing("app", name, app, channel)
        async with AsyncExitStack() as stack:
            stack.callback(self._app_ids.discard, name)
            sidecar = await stack.enter_async_context(
                self._engine.sidecar(name, wanted, settings, seen, DRAIN_SECONDS)
            )
            exchange = self._traffic.passing("sidecar", name, app, sidecar.exchange)
            if board is not None:
                stack.enter_context(self._staged.of(board.outbox))
                stack.enter_context(self._boards.using(board))
                await stack.enter_async_context(board.connected(exchange=exchange))
            await stack.enter_async_context(sidecar.taking())
            yield _Beside(name, settings.api_token, sidecar, exchange)

    def _refuse_unsubscribed(self, beside: _Beside) -> None:
        if self._project is not None and beside.sidecar.not_started:
            told = "\n".join(map(str, beside.sidecar.not_started))
            raise NotSubscribed(f"{beside.app_id}, by {self._project.path}: {told}")

    def _free_app_id(self, wanted: str) -> str:
        """Two apps that share an id would share their events, as two replicas do."""
        number, name = 1, wanted
        while name in self._app_ids:
            number += 1
            name = f"{wanted}-{number}"
        self._app_ids.add(name)
        return name


def _is_event(topic: Topic[T], payload: bytes) -> bool:
    """Whether a handler could have it. What is no CloudEvent is dead-lettered, under an id of the kit."""
    try:
        topic.codec.decode(payload)
    except InvalidCloudEvent:
        return False
    except InvalidEventData:
        pass  # its handler may have another model: whoever asks for the event is told
    return True


async def _subscribed(exchange: Exchange, api_token: str) -> list[tuple[str, str]]:
    """The pub/sub and topic of each subscription, as the sidecar's metadata API tells them."""
    answer = await exchange(Request("GET", METADATA_PATH, {API_TOKEN_HEADER: api_token}), DEFAULT_TIMEOUT)
    subscriptions = json.loads(answer.body).get("subscriptions", [])
    return [(item["pubsubname"], item["topic"]) for item in subscriptions]
