"""The publisher and the sidecar together, with nothing but a function call between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outboard import NotConnected, Outboard, PubSubNotFound
from outboard.testing.harness import Harness

COMPONENT = """
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: pubsub.in-memory
  version: v1
  metadata:
    - {name: publishingScopes, value: "todo=open"}
"""


@pytest.fixture
def board() -> Outboard:
    return Outboard(app_id="todo", environ={})


@pytest.fixture
async def harness(board: Outboard) -> AsyncIterator[Harness]:
    outboard = Harness()
    async with outboard.connected(board):
        yield outboard


@pytest.mark.anyio
async def test_many_publishers_at_once(board: Outboard, harness: Harness) -> None:
    topic = board.topic("numbers", int)
    events = await asyncio.gather(*[topic.publish(number, key=str(number % 7)) for number in range(300)])
    published = harness.published(topic)
    assert {event.id for event in published} == {event.id for event in events}
    assert len(published) == 300
    for key in range(7):
        of_key = [event.data for event in published if event.data % 7 == key]
        assert of_key == sorted(of_key)
    traces = {event.id: event.extensions["traceparent"] for event in events}
    assert {event.id: event.extensions["traceparent"] for event in published} == traces
    assert all(event.extensions["partitionkey"] == str(event.data % 7) for event in published)


@pytest.mark.anyio
async def test_one_after_another(board: Outboard, harness: Harness) -> None:
    topic = board.topic("numbers", int)
    for number in range(5):
        await topic.publish(number)
    assert [event.data for event in harness.published(topic)] == [0, 1, 2, 3, 4]


@pytest.mark.anyio
async def test_a_refusal_reaches_every_publisher(board: Outboard, harness: Harness) -> None:
    nowhere = board.topic("numbers", int, pubsub="elsewhere")
    outcomes = await asyncio.gather(*[nowhere.publish(n) for n in range(5)], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [PubSubNotFound] * 5


@pytest.mark.anyio
async def test_topics_that_may_not_be_published_to_are_told_apart(board: Outboard, tmp_path: Path) -> None:
    (tmp_path / "pubsub.yaml").write_text(COMPONENT, encoding="utf-8")
    async with Harness([tmp_path]).connected(board):
        calls = [board.publish(topic, n) for n in range(4) for topic in ("open", "closed")]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome).__name__ for outcome in outcomes] == ["Event", "PublishForbidden"] * 4


@pytest.mark.anyio
async def test_after_the_connection_nothing_is_taken(board: Outboard) -> None:
    async with Harness().connected(board):
        await board.publish("t", 1)
    with pytest.raises(NotConnected):
        await board.publish("t", 2)


def test_one_board_in_one_loop_after_another(board: Outboard) -> None:
    topic = board.topic("numbers", int)

    async def publish() -> list[int]:
        outboard = Harness()
        async with outboard.connected(board):
            await asyncio.gather(*[topic.publish(number, key="k") for number in range(20)])
        return [event.data for event in outboard.published(topic)]

    for _ in range(2):
        assert asyncio.run(publish()) == list(range(20))
