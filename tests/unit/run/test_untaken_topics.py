"""What is told of a topic that is published to and that no app of the run takes."""

from __future__ import annotations

import asyncio

import pytest

from outboard.run.output.events import NotTaken, RunEvent, TakenTopic, Topology, Untaken
from outboard.run.sidecars.port import Published, SidecarStatus
from outboard.run.topology import tell_untaken
from outboard.tasks import background_tasks

pytestmark = pytest.mark.anyio

NORULE = TakenTopic("pubsub", "norule", ("/x",))


def asks(app: str, *topics: str) -> Topology:
    missing = tuple(NotTaken("pubsub", topic, "it has no route") for topic in topics)
    return Topology(app, topics=(NORULE,), not_taken=missing)


async def text_of(topic: str, *topologies: Topology) -> str:
    """The sentence about the first event to `topic`."""
    statuses = [SidecarStatus() for _ in topologies]
    for status, topology in zip(statuses, topologies, strict=True):
        status.topology.set_result(topology)
    told: asyncio.Queue[RunEvent] = asyncio.Queue()
    published: asyncio.Queue[Published] = asyncio.Queue()
    published.put_nowait(Published("shop", "pubsub", topic, local=True))
    async with background_tasks(tell_untaken(lambda: statuses, published, told.put_nowait)):
        event = await told.get()
    assert isinstance(event, Untaken)
    return event.text


async def test_the_near_name_is_named() -> None:
    assert "Did you mean `norule`, which raw takes?" in await text_of("norules", asks("raw"))


async def test_who_asks_for_it_in_vain_is_named_and_no_near_name() -> None:
    text = await text_of("noroute", asks("raw", "noroute"), asks("billing", "other"))
    assert text.endswith("raw asks for it, and does not get it: see above.")
    assert "norule" not in text
    text = await text_of("noroute", asks("raw", "noroute"), asks("billing", "noroute"))
    assert text.endswith("raw and billing ask for it, and do not get it: see above.")
