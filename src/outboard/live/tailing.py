"""Looks on as events come to a topic, in a consumer group of its own that is gone afterwards.

The component is a copy: it differs in the group, and in where that begins. So no other consumer loses an
event, or gets one twice, and nobody's offsets move.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from outboard.errors import CommandError, OutboardError
from outboard.host.stop_requests import on_stop_request
from outboard.live.components import ChosenComponent, choose
from outboard.live.messages import TailedMessage
from outboard.live.places import SearchPlaces
from outboard.resources.component import Component, MetadataItem
from outboard.resources.node import near
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.inspections import INSPECTIONS
from outboard.sidecar.components.opening import Loaded, open_components
from outboard.sidecar.components.port import (
    ComponentError,
    GroupRemoval,
    GroupStart,
    Message,
    PubSub,
)
from outboard.wire.identity import new_id

__all__ = ["TailStart", "WantedTail", "tail"]

GROUP: Final = "outboard-subscribe-"
OWN: Final = frozenset({"consumergroup", "consumerid", "initialoffset"})
"""Settings, in lower case, that the copy has of its own."""
IN_MEMORY: Final = "pubsub.in-memory"
LOOK: Final = 1.5
"""Seconds that may be spent on whether the topic is there."""
REMOVAL: Final = 3.0
"""Seconds that the removal of the group may take: a broker that is away would keep the command for ever."""


@dataclass(frozen=True, slots=True)
class WantedTail:
    """Which topic, of which component (empty: the only one), from when, and how many messages (0: no end)."""

    topic: str
    pubsub: str = ""
    from_beginning: bool = False
    max_messages: int = 0


@dataclass(frozen=True, slots=True)
class TailStart:
    """What is looked on, once messages from now on will be seen; `note` is what may surprise."""

    pubsub: str
    type: str
    topic: str
    group: str
    note: str = ""


async def tail(
    wanted: WantedTail,
    places: SearchPlaces,
    started: Callable[[TailStart], None],
    seen: Callable[[TailedMessage], None],
) -> None:
    """Call `seen` for each message, until there were `max_messages`, or the process is asked to stop.

    Raises CommandError, ComponentInitFailed where the broker does not let it in.
    """
    chosen = choose(places, "pubsub", wanted.pubsub)
    if chosen.component.type.lower() == IN_MEMORY:
        told = f"'{chosen.component.name}' is {IN_MEMORY}: its topics are in the process of the run alone"
        advice = f"`outboard trace --topic {wanted.topic} --follow` shows what goes through them."
        raise CommandError(told, advice)
    group = GROUP + new_id()[:8]
    copy = _copied(chosen.component, group, from_beginning=wanted.from_beginning)
    context = chosen.context(places, group)
    looking = asyncio.create_task(_look_on(_Onlooker(wanted, seen), chosen, copy, context, started))

    def stop(_reason: str) -> None:
        looking.cancel()

    with on_stop_request(stop), suppress(asyncio.CancelledError):
        await looking


class _Onlooker:
    """Takes messages until there were enough, or `seen` cannot take one: `ended` is set then."""

    def __init__(self, wanted: WantedTail, seen: Callable[[TailedMessage], None]) -> None:
        self.wanted = wanted
        self.ended = asyncio.Event()
        self.failure: OSError | None = None
        self._seen = seen
        self._count = 0

    async def take(self, message: Message) -> None:
        """A handler of messages. Once no more are wanted it keeps what comes until it is cancelled: a refused
        message would be a warning in the log, and tried again.
        """
        if self.ended.is_set():
            await _cancelled()
        shown = TailedMessage(self.wanted.topic, message.data, dict(message.metadata), datetime.now(UTC))
        try:
            self._seen(shown)
        except OSError as error:  # whoever reads the output went away
            self.failure = error
            self.ended.set()
            await _cancelled()
        self._count += 1
        if self._count == self.wanted.max_messages:
            self.ended.set()


async def _cancelled() -> None:
    await asyncio.Event().wait()


async def _look_on(
    onlooker: _Onlooker,
    chosen: ChosenComponent,
    copy: Component,
    context: ComponentContext,
    started: Callable[[TailStart], None],
) -> None:
    """Return once `onlooker` has ended, and raise its failure. The group is removed, also when cancelled."""
    wanted = onlooker.wanted
    async with _opened(copy, chosen, context) as loaded:
        pubsub: PubSub = loaded.instance
        topic = (chosen.namespace if loaded.properties.namespaced else "") + wanted.topic
        note = await _note(loaded, context, topic)
        start = TailStart(copy.name, copy.type, topic, context.app_id, note)
        async with _group(pubsub, topic, context.app_id, from_beginning=wanted.from_beginning):
            consuming = asyncio.create_task(pubsub.consume(topic, {}, onlooker.take, lambda: started(start)))
            ending = asyncio.create_task(onlooker.ended.wait())
            try:
                await asyncio.wait({consuming, ending}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (consuming, ending):
                    task.cancel()
                await asyncio.wait({consuming, ending})
            if not consuming.cancelled():
                consuming.result()
    if onlooker.failure is not None:
        raise onlooker.failure


async def _note(loaded: Loaded[PubSub], context: ComponentContext, topic: str) -> str:
    """That the topic is not there yet, with the near name; empty where it is, or nobody can tell in time."""
    find = INSPECTIONS.get(loaded.component.type.lower())
    if find is None:
        return ""
    try:
        async with asyncio.timeout(LOOK):
            standing = await find()(loaded.properties, context, [topic])
    except (ComponentError, OutboardError, TimeoutError):
        return ""
    if standing.topics[0].exists:
        return ""
    return f"there is no topic '{topic}' yet. {near(topic, standing.other_topics)}".rstrip()


@asynccontextmanager
async def _opened(
    copy: Component, chosen: ChosenComponent, context: ComponentContext
) -> AsyncIterator[Loaded[PubSub]]:
    async with open_components((*chosen.secret_stores, copy), context) as up:
        if copy.name not in up.pubsubs:
            (left,) = [each for each in up.left_out if each.name == copy.name]
            raise CommandError(f"'{copy.name}' cannot be looked on: {left.reason}", left.advice)
        yield up.pubsubs[copy.name]


@asynccontextmanager
async def _group(pubsub: PubSub, topic: str, group: str, *, from_beginning: bool) -> AsyncIterator[None]:
    """The group is there within the block, and removed whatever ends it."""
    if isinstance(pubsub, GroupStart):
        await pubsub.begin_group(topic, from_beginning=from_beginning)
    try:
        yield
    finally:
        if isinstance(pubsub, GroupRemoval):
            try:
                async with asyncio.timeout(REMOVAL):
                    await pubsub.remove_group(topic)
            except (ComponentError, TimeoutError) as error:
                reason = str(error) or f"no answer within {REMOVAL:g} s"
                logging.getLogger(__name__).warning("consumer group %s is left behind: %s", group, reason)


def _copied(component: Component, group: str, *, from_beginning: bool) -> Component:
    kept = [item for item in component.metadata if item.name.lower() not in OWN]
    own = [MetadataItem("consumerID", group)]
    if component.type.lower() != "pubsub.redis":
        own.append(MetadataItem("initialOffset", "oldest" if from_beginning else "newest"))
    return replace(component, metadata=(*kept, *own), scopes=(), ignore_errors=False)
