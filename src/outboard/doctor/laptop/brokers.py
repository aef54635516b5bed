"""The brokers that the components of an app name: two looks at each, a moment apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from outboard.doctor.evidence import BrokerSeen, SubscriptionSeen
from outboard.doctor.laptop.files import FilesSeen, resolved
from outboard.errors import OutboardError
from outboard.resources.component import Component
from outboard.sidecar.components.inspections import INSPECTIONS
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import ComponentError
from outboard.sidecar.components.pubsub.standing import BrokerStanding, TopicStanding
from outboard.wire.deadletters import DEFAULT_SUFFIX, default_topic

__all__ = ["look_at_broker", "wanted_brokers"]

LIMIT: Final = 1.2
"""Seconds for one look."""
BETWEEN: Final = 0.8
"""Seconds from one look to the next: within so long what moves has moved."""


def wanted_brokers(files: FilesSeen, wanted: Sequence[SubscriptionSeen]) -> list[tuple[Component, list[str]]]:
    """The pub/sub components that an app takes events of, and the topics to look at there."""
    found: list[tuple[Component, list[str]]] = []
    for component in files.components:
        mine = [each for each in wanted if each.pubsub == component.name]
        topics = [
            name
            for each in mine
            for name in (each.topic, each.dead_letter_topic or default_topic(each.topic))
        ]
        if component.category == "pubsub" and topics:
            found.append((component, list(dict.fromkeys(topics))))
    return found


async def look_at_broker(
    app_id: str, files: FilesSeen, component: Component, topics: Sequence[str]
) -> BrokerSeen:
    """What is seen of it, or why nothing is."""
    seen = BrokerSeen(app_id, component.name, component.type)
    find = INSPECTIONS.get(component.type.lower())
    if find is None:
        return replace(seen, visible=False)
    address = ""
    try:
        inspect = find()
        properties = await resolved(files, component)
        address = _address(properties)
        return await _two_looks(seen, lambda: inspect(properties, files.context, topics))
    except ImportError as error:
        return replace(seen, visible=False, failure=f"its client library is not installed: {error}")
    except TimeoutError:
        return replace(seen, failure=f"it does not answer within {LIMIT:g} s", address=address)
    except (OutboardError, ComponentError, OSError) as error:
        return replace(seen, failure=str(error), address=address)


async def _two_looks(seen: BrokerSeen, look: Callable[[], Awaitable[BrokerStanding]]) -> BrokerSeen:
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(LIMIT):
        first = await look()
    now, seconds = first, 0.0
    if any(map(_wants_another, first.topics)):
        await asyncio.sleep(BETWEEN)
        async with asyncio.timeout(LIMIT):
            now = await look()
        seconds = loop.time() - began
    return replace(
        seen,
        group=now.group,
        address=now.address,
        initial_newest=now.initial_newest,
        before=first.topics,
        now=now.topics,
        seconds=seconds,
        other_topics=now.other_topics,
    )


def _wants_another(topic: TopicStanding) -> bool:
    """Whether time has to tell: something waits, or a partition has no owner."""
    return any(each.lag or not each.owner for each in topic.partitions) and not topic.topic.endswith(
        DEFAULT_SUFFIX
    )


def _address(properties: Properties) -> str:
    return properties.get("brokers", "") or properties.get("redisHost", "")
