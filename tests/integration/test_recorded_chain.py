"""Apps in a chain with their sidecars, in one process, each with its own clock: what the record tells."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from fastapi import FastAPI

from outboard import Outboard
from outboard.asgi import AsgiExchange
from outboard.hops.conversation import conversation
from outboard.hops.files.reader import read_record
from outboard.hops.files.recording import HOPS_DATA, HOPS_FOLDER, recording
from outboard.hops.story import EventStory, stories
from outboard.resources.component import Component, MetadataItem
from outboard.resources.loader import Resources
from outboard.sidecar.components.context import SharedMemory
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.testing.asgi import AppLifespan
from outboard.wire.http import Request
from support.chain import ShiftedClock, backend, billing, mail, operator

pytestmark = pytest.mark.anyio

APPS: dict[str, tuple[Callable[[Outboard], FastAPI], float]] = {
    "backend": (backend, 0.0),
    "billing": (billing, -1.0),
    "operator": (operator, 1.0),
    "mail": (mail, 0.5),
}
METADATA = (MetadataItem("partitions", "2"), MetadataItem("backOffDuration", "10ms"))
PUBSUB = Component("pubsub", "pubsub.in-memory", metadata=METADATA)


async def events_of(folder: Path, *, kit: bool, sidecar: bool) -> Sequence[EventStory]:
    """What is told of one request, where only some of them record."""
    memory, variables = SharedMemory(), {HOPS_FOLDER: str(folder), HOPS_DATA: "true"}
    async with AsyncExitStack() as stack:
        calls = {}
        for name, (make, hours) in APPS.items():
            clock = ShiftedClock(hours)
            board = Outboard(app_id=name, environ=variables if kit else {}, clock=clock)
            life = await stack.enter_async_context(AppLifespan.of(make(board)))
            recorder = stack.enter_context(recording(variables if sidecar else {}, name, "sidecar"))
            resources = Resources((PUBSUB,), (), ())
            beside = Sidecar(
                Options(name), resources, memory=memory, clock=clock, channel=life, recorder=recorder
            )
            await stack.enter_async_context(board.connected(exchange=AsgiExchange(beside.api)))
            await stack.enter_async_context(beside.running())
            await life.start()
            calls[name] = life
        await calls["backend"](Request("POST", "/tasks/7", {}), 10)
        await until_told(folder)
    return stories(read_record(folder).hops)


async def until_told(folder: Path) -> None:
    """Until the last app has handled the last event, and that is on disk."""
    while not is_told(folder):  # noqa: ASYNC110 - it is a thread that writes
        await asyncio.sleep(0.05)


def is_told(folder: Path) -> bool:
    return any(hop.app_id == "mail" and hop.outcome == "SUCCESS" for hop in read_record(folder).hops)


def all_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def told(story: EventStory) -> list[str]:
    return [
        f"{step.hop.app_id} {step.hop.kind} {passage.topic} {step.hop.outcome}".strip()
        for passage in story.passages
        for step in passage.steps
    ]


async def test_the_chain_is_told_in_its_order_whatever_the_clocks_say(tmp_path: Path) -> None:
    task, bill = await events_of(tmp_path, kit=True, sidecar=True)
    assert told(task) == [
        "backend published tasks",
        "billing handled tasks RETRY",
        "billing handled tasks SUCCESS",
        "billing dead-lettered tasks-dead",
        "operator handled tasks-dead SUCCESS",
        "operator replayed tasks",
        "billing handled tasks SUCCESS",
    ]
    assert told(bill) == ["billing published bills", "mail handled bills SUCCESS"]
    (root,) = conversation([task, bill], task.event.correlation_id)
    assert [story.event.event_id for story in root.stories] == [task.event.event_id, bill.event.event_id]
    assert bill.event.causation_id == task.event.event_id
    assert bill.event.correlation_id == task.event.correlation_id != ""
    assert {story.event.key for story in (task, bill)} == {"7"}
    assert {step.hop.event.traceparent[3:35] for step in (*task.steps, *bill.steps)} - {""} == {
        task.event.traceparent[3:35]
    }


@pytest.mark.parametrize("who", ["kit", "sidecar"])
async def test_either_alone_tells_the_same_story(tmp_path: Path, who: str) -> None:
    task, bill = await events_of(tmp_path, kit=who == "kit", sidecar=who == "sidecar")
    settled = [
        f"{step.hop.app_id} {passage.topic} {step.hop.outcome}"
        for passage in task.passages
        for step in passage.steps
        if step.hop.outcome
    ]
    on_tasks = ["billing tasks RETRY", "billing tasks SUCCESS"], ["billing tasks SUCCESS"]
    on_dead = ["operator tasks-dead SUCCESS"]
    # Who knows it is the kit: to a sidecar a dead letter is an event as any other.
    in_order = (on_tasks[0], on_dead, on_tasks[1]) if who == "kit" else (*on_tasks, on_dead)
    assert settled == [each for part in in_order for each in part]
    assert bill.event.causation_id == task.event.event_id


async def test_what_is_sensitive_is_masked_wherever_it_was_said(tmp_path: Path) -> None:
    task, _ = await events_of(tmp_path, kit=True, sidecar=True)
    assert task.data == '{"number":7,"email":"***"}'
    reasons = [hop.detail for step in task.steps for hop in step.hops]
    assert any("the mail server does not know ***" in each for each in reasons)
    assert b"someone@example.org" not in all_of(tmp_path)
