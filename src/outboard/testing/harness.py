"""The sidecars of one test: each beside its app, in this process, with the shipped code between them."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

from outboard.asgi import ASGIApp, AsgiExchange
from outboard.errors import InvalidCloudEvent, InvalidEventData
from outboard.hops.deliveries import DeadLetter, Delivery, dead_letters, deliveries, of_kind, payload_id
from outboard.hops.record import HopKind
from outboard.kit.arguments import check_count, check_number
from outboard.kit.board import Outboard
from outboard.kit.client.settings import Settings
from outboard.kit.topic import Topic
from outboard.resources.loader import load_resources
from outboard.sidecar.components.context import SharedMemory
from outboard.sidecar.process.garbage_collection import collecting_rarely
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.testing.arguments import check_board, check_served, check_topic
from outboard.testing.asgi import AppLifespan
from outboard.testing.boards import ConnectedBoards, board_of
from outboard.testing.chaos import Chaos
from outboard.testing.in_flight import telling_of_hung
from outboard.testing.in_memory import of_these_names
from outboard.testing.project import NotSubscribed, Project, SidecarFiles
from outboard.testing.quiet import Quietness
from outboard.testing.recording import HopRecording
from outboard.testing.session import QUIET_SECONDS, EventSession, World
from outboard.testing.staged import StagedEvents
from outboard.testing.sync_session import SessionScope
from outboard.testing.traffic import Traffic
from outboard.testing.virtual_clock import VirtualClock
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


class Harness:
    """Serves apps with the real sidecar beside each, without sockets, and tells what became of every event.

    Sidecars share their in-memory components, and no delay takes time: a retry after five seconds comes at
    once. `resources` are folders of Dapr resource files. Without any, the components of the `project` count:
    those that its run file gives to each app, in memory, under their names. Without either, the pub/sub
    component and the state store that a board names are in-memory. As with Kafka, an event whose handler
    fails is then delivered again for ever, and events are in order where they have the same key.

    While it serves, Python's garbage collector looks for cycles less often, as in a sidecar's own process.

    Where a method waits, `timeout` is in seconds, and NotSeen, an AssertionError, tells what did happen.
    """

    def __init__(self, resources: Sequence[Path] = (), *, project: Project | None = None) -> None:
        self._resources = resources
        self._project = project
        self._memory = SharedMemory()
        self._clock = VirtualClock()
        self._record = HopRecording()
        self._staged = StagedEvents()
        self._traffic = Traffic()
        self._boards = ConnectedBoards(self._clock)
        quietness = Quietness(self._traffic, lambda: self._staged.used)
        self._world = World(
            self._clock, self._traffic, quietness, self._record.hops, lambda: self._boards.codecs
        )
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
            self._beside(board, app_id, life, app) as (sidecar, exchange),
        ):
            await life.start()
            self._refuse_unsubscribed(sidecar)
            options = sidecar.options
            self._record.expect(options.app_id, await _subscribed(exchange, options.api_token))
            try:
                yield exchange
            finally:
                self._record.forget(options.app_id)
                life.in_flight.closing, life.in_flight.hung = True, hung

    @asynccontextmanager
    async def connected(self, board: Outboard, *, app_id: str | None = None) -> AsyncIterator[Exchange]:
        """A sidecar without an app, for a `board` that only publishes or keeps state."""
        check_board(board)
        async with self._beside(board, app_id, None, None) as (_, exchange):
            yield exchange

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
                    await session.quiet(timeout)
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
    ) -> AsyncIterator[tuple[Sidecar, Exchange]]:
        settings = board.settings if board is not None else Settings.from_environ(os.environ)
        wanted = app_id or settings.app_id
        if self._project is not None:
            wanted = self._project.app_id(wanted, app)
        files, name = self._files(wanted, settings), self._free_app_id(wanted)
        assert files.resources is not None
        sidecar = Sidecar(
            _options(name, settings, files.directory),
            files.resources,
            configuration=files.configuration,
            memory=self._memory,
            clock=self._clock,
            channel=channel and self._traffic.passing("app", name, app, channel),
            recorder=self._record,
            drain_seconds=DRAIN_SECONDS,
        )
        exchange = self._traffic.passing("sidecar", name, app, AsgiExchange(sidecar.api))
        async with AsyncExitStack() as stack:
            stack.enter_context(collecting_rarely())
            if board is not None:
                stack.enter_context(self._staged.of(board.outbox))
                stack.enter_context(self._boards.using(board))
                await stack.enter_async_context(board.connected(exchange=exchange))
            await stack.enter_async_context(sidecar.running())
            stack.callback(self._app_ids.discard, name)
            yield sidecar, exchange

    def _refuse_unsubscribed(self, sidecar: Sidecar) -> None:
        discovery = sidecar.info.discovery
        if self._project is not None and discovery is not None and discovery.not_started:
            told = "\n".join(map(str, discovery.not_started))
            raise NotSubscribed(f"{sidecar.options.app_id}, by {self._project.path}: {told}")

    def _free_app_id(self, wanted: str) -> str:
        """Two apps that share an id would share their events, as two replicas do."""
        number, name = 1, wanted
        while name in self._app_ids:
            number += 1
            name = f"{wanted}-{number}"
        self._app_ids.add(name)
        return name

    def _files(self, app_id: str, settings: Settings) -> SidecarFiles:
        """What the sidecar of `app_id` is given, whose board has `settings`."""
        if self._resources:
            return SidecarFiles(load_resources(self._resources, app_id, os.environ.get("NAMESPACE", "")))
        found = SidecarFiles() if self._project is None else self._project.files_of(app_id)
        if found.resources is not None:
            return found
        return replace(found, resources=of_these_names(settings.pubsub, settings.state_store))


def _is_event(topic: Topic[T], payload: bytes) -> bool:
    """Whether a handler could have it. What is no CloudEvent is dead-lettered, under an id of the kit."""
    try:
        topic.codec.decode(payload)
    except InvalidCloudEvent:
        return False
    except InvalidEventData:
        pass  # its handler may have another model: whoever asks for the event is told
    return True


def _options(app_id: str, settings: Settings, directory: Path) -> Options:
    return Options(
        app_id=app_id,
        log_level="warn",
        api_token=settings.api_token,
        app_api_token=settings.app_token,
        directory=directory,
    )


async def _subscribed(exchange: Exchange, api_token: str) -> list[tuple[str, str]]:
    """The pub/sub and topic of each subscription, as the sidecar's metadata API tells them."""
    answer = await exchange(Request("GET", METADATA_PATH, {API_TOKEN_HEADER: api_token}), DEFAULT_TIMEOUT)
    subscriptions = json.loads(answer.body).get("subscriptions", [])
    return [(item["pubsubname"], item["topic"]) for item in subscriptions]
