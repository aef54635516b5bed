"""What an author should not write: the marked lines are errors to both checkers, and no other is."""

# mypy: ignore-errors

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel

import outboard
from outboard import Event, Outboard
from outboard.testing import Harness


class Created(BaseModel):
    id: int


class Done(BaseModel):
    id: int


board = Outboard()
created = board.topic("created", Created)
tasks = board.topic("tasks", Created | Done)
preferences = board.state(Created)
misspelled = outboard.Outbord  # wrong


@created.subscribe("/model")  # wrong
async def wrong_model(event: Event[Done]) -> None: ...


@created.subscribe("/payload")  # wrong
async def payload(event: Created) -> None: ...


@tasks.subscribe("/part")  # wrong
async def part_of_the_union(event: Event[Created]) -> None: ...


@created.subscribe("/second")  # wrong
async def event_second(limit: int, event: Event[Created]) -> None: ...


@created.subscribe("/none")  # wrong
async def no_event() -> None: ...


@created.subscribe("/result")  # wrong
async def wrong_result(event: Event[Created]) -> int:
    return 1


@created.subscribe("/many")  # wrong
async def many(events: Sequence[Event[Created]]) -> None: ...


@created.subscribe_batch("/one")  # wrong
async def one(event: Event[Created]) -> None: ...


@created.subscribe_batch("/many-of-another")  # wrong
async def many_of_another(events: Sequence[Event[Done]]) -> None: ...


@created.subscribe_batch("/payloads")  # wrong
async def payloads(events: Sequence[Created]) -> None: ...


@created.subscribe_batch("/batch-result")  # wrong
async def wrong_batch_result(events: Sequence[Event[Created]]) -> list[int]:
    return [1]


@created.subscribe("/data")
async def wrong_attribute(event: Event[Created]) -> None:
    _ = event.data.title  # wrong


async def use(other: Literal["weak"]) -> None:
    await created.publish(Done(id=1))  # wrong
    await created.publish({"id": 1})  # wrong
    await created.publish(Created(id=1), key=1.5)  # wrong
    await preferences.get(b"ana")  # wrong
    await preferences.get_many([1.5])  # wrong
    await created.publish_event(Event(data=Done(id=1)))  # wrong
    await tasks.publish("text")  # wrong
    await preferences.save("ana", Done(id=1))  # wrong
    await preferences.save("ana", Created(id=1), consistency=other)  # wrong
    (await preferences.get("ana")).id  # wrong  # noqa: B018
    created.subscribe("/x", on_invalid="retry")  # wrong
    created.subscribe("/x", bulk=100)  # wrong
    created.subscribe_batch("/x", on_invalid="retry")  # wrong
    created.subscribe_batch("/x", bulk=True)  # wrong
    created.stage(object(), Created(id=1))  # wrong
    board.topic("x", Created, on_refused="drop")  # wrong


async def in_a_test(outboard: Harness) -> None:
    async with outboard.session(board) as s:
        s.none("created")  # wrong
        s.published(created)[0].data.title  # wrong  # noqa: B018
        await s.clock.advance(8)  # wrong
        await s.clock.advance(fortnights=1)  # wrong
        s.faults.redelivery("created")  # wrong
    outboard.session("app")  # wrong


def from_synchronous_code(other: Literal["weak"]) -> None:
    created.sync.publish(Done(id=1))  # wrong
    created.sync.publish(Created(id=1), key=1.5)  # wrong
    created.sync.publish(Created(id=1), kee="1")  # wrong
    preferences.sync.save("ana", Done(id=1))  # wrong
    preferences.sync.get("ana", consistency=other)  # wrong
    preferences.sync.get("ana", etag="3")  # wrong
    preferences.sync.get("ana").id  # wrong  # noqa: B018


@created.upcast(Done, dataschema="urn:created:1")  # wrong
def from_another_model(old: Created) -> Created:
    return old


@created.upcast(Done, dataschema="urn:created:1")  # wrong
def to_another_model(old: Done) -> Done:
    return old


@created.upcast(Done, to=Done, dataschema="urn:created:1")  # wrong
def not_to_what_is_said(old: Done) -> Created:
    return Created(id=old.id)


@created.upcast(Done, dataschema="urn:created:1")  # wrong
async def asynchronous_upcaster(old: Done) -> Created:
    return Created(id=old.id)


@created.upcast(Done, dataschema="urn:created:1")  # wrong
def of_an_event(event: Event[Done]) -> Created:
    return Created(id=event.data.id)


created.upcast(Done, schema="urn:created:1")  # wrong
board.topic("versioned", Created, dataschema=2)  # wrong
