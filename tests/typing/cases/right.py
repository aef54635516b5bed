"""What an author writes: no checker may complain."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Annotated, assert_type
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_scoped_session
from sqlalchemy.orm import Session, scoped_session

from outboard import (
    BulkOptions,
    DeliveryStatus,
    Drop,
    Event,
    Outboard,
    Outbox,
    State,
    StateEntry,
    Topic,
    current_event,
)
from outboard.testing import EventSession, Harness, SyncEventSession, session


class Created(BaseModel):
    id: int


class Done(BaseModel):
    id: int


board = Outboard()
tasks = board.topic("tasks", Created | Done, type=lambda data: type(data).__name__)
created = board.topic("created", Created, dead_letter=None)
anything = board.topic("anything")
preferences = board.state(Created)
app = FastAPI(lifespan=board.lifespan)
router = APIRouter()
board.mount(app)

assert_type(tasks, Topic[Created | Done])
assert_type(anything, Topic[object])
assert_type(preferences, State[Created])


async def get_user(event: Annotated[Event[Created], Depends(current_event)]) -> str:
    return event.subject or ""


@tasks.subscribe("/task", router=router)
async def on_task(event: Event[Created | Done], user: Annotated[str, Depends(get_user)]) -> None:
    match event.data:
        case Created(id=id):
            print(id)  # noqa: T201
        case Done():
            raise Drop("not ours")


@created.subscribe("/created", match='event.type == "x"', priority=1)
async def on_created(event: Event[Created], *, request: Request) -> DeliveryStatus:
    return DeliveryStatus.RETRY if await request.body() else DeliveryStatus.SUCCESS


@created.subscribe("/sync", dead_letter="graveyard", announce_dead_letter=True)
def on_created_in_thread(event: Event[Created]) -> None:
    event.data.id.bit_length()


@tasks.subscribe("/in-bulk", bulk=True)
async def on_task_in_bulk(event: Event[Created | Done]) -> None:
    print(event.data.id)  # noqa: T201


@created.subscribe("/bounded", bulk=BulkOptions(max_messages_count=50, max_await_duration_ms=100))
async def on_created_in_bulk(event: Event[Created], user: Annotated[str, Depends(get_user)]) -> None: ...


@tasks.subscribe_batch("/batch", router=router, match="true", max_events=200, dead_letter=None)
async def on_tasks(events: Sequence[Event[Created | Done]], user: Annotated[str, Depends(get_user)]) -> None:
    print([event.data.id for event in events])  # noqa: T201


@created.subscribe_batch("/statuses")
async def on_batch(events: Sequence[Event[Created]]) -> list[DeliveryStatus]:
    return [DeliveryStatus.SUCCESS for _ in events]


@created.subscribe_batch("/batch-in-thread")
def on_batch_in_thread(events: Sequence[Event[Created]]) -> DeliveryStatus | None:
    return None if events else DeliveryStatus.RETRY


@anything.subscribe("/any")
async def on_anything(event: Event[object]) -> DeliveryStatus | None:
    return None


@asynccontextmanager
async def own_lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with board.lifespan(app):
        yield


own = FastAPI(lifespan=own_lifespan)


async def use() -> None:
    assert_type(await created.publish(Created(id=1), key="1", ttl=timedelta(days=1)), Event[Created])
    await tasks.publish(Done(id=1))
    await tasks.publish_event(Event(id="42", source="import", type="t", data=Created(id=1)))
    await board.publish("topic-name", {"key": "value"}, timeout=0.5)
    await board.state().save("key", {"a": 1})
    value: object = await board.state().get("key")
    assert value is None or isinstance(value, dict)
    assert_type(await preferences.get("ana"), Created | None)
    entry = await preferences.entry("ana")
    assert_type(entry, StateEntry[Created])
    await preferences.save("ana", Created(id=1), etag=entry.etag, consistency="strong")
    await created.publish(Created(id=1), key=7)
    await tasks.publish_event(Event(data=Done(id=1)), key=UUID(int=7))
    await board.publish("topic-name", {}, key=7)
    await preferences.save_many({7: Created(id=1)})
    await preferences.save_many({"ana": Created(id=1)})
    assert_type(await preferences.get_many([7]), dict[int, StateEntry[Created]])
    assert_type(await preferences.get_many(["ana"]), dict[str, StateEntry[Created]])
    await preferences.delete(UUID(int=7))
    async with preferences.transaction() as changes:
        changes.save(7, Created(id=1))
        changes.save("ana", Created(id=1))
        changes.delete("bob")
    async with board.connected():
        await on_created_twice(Event(data=Created(id=1)))
        assert_type(await on_batch([Event(data=Created(id=1))]), list[DeliveryStatus])


@created.subscribe("/a")
@created.subscribe("/b", match="true")
async def on_created_twice(event: Event[Created]) -> None: ...


def stage(
    db: Session,
    scoped: scoped_session[Session],
    later: AsyncSession,
    each: async_scoped_session[AsyncSession],
) -> None:
    assert_type(created.stage(db, Created(id=1), key="1"), Event[Created])
    created.stage(later, Created(id=1), ttl=timedelta(hours=1))
    created.stage(scoped, Created(id=1), key=UUID(int=7))
    created.stage_event(each, Event(data=Created(id=1)), key="1")


async def with_an_outbox(engine: AsyncEngine) -> None:
    outbox = Outbox(create_engine("sqlite:///app.db"))
    stored = Outboard(outbox=outbox).topic("created", Created, on_refused="hold")
    assert_type(stored, Topic[Created])
    Outbox(engine)
    Outbox(lambda: engine)
    for event in await outbox.parked():
        assert_type(event.error, str)
        await outbox.retry([event])


async def in_a_test(outboard: Harness) -> None:
    async with outboard.session(app, board) as s, s.faults.redelivery(created), s.faults.outage():
        assert_type(s, EventSession)
        assert_type(s.published(created), list[Event[Created]])
        assert_type(s.published(Done), list[Event[Done]])
        s.none(tasks)
        s.none(Done)
        await s.clock.advance(days=8)
        await s.clock.advance(timedelta(minutes=5))
        assert_type(s.tree(), str)


def in_a_synchronous_test() -> None:
    with session(app) as s, s.faults.duplicates(tasks), s.faults.slow_sidecar(2.5):
        assert_type(s, SyncEventSession)
        assert_type(s.published(created), list[Event[Created]])
        assert_type(s.published(Done), list[Event[Done]])
        s.clock.advance(hours=1)


def from_synchronous_code(key: UUID) -> None:
    with board.connected():
        assert_type(created.sync.publish(Created(id=1), key=key, ttl=5, timeout=1), Event[Created])
        assert_type(tasks.sync.publish_event(Event(data=Done(id=1)), key=1), Event[Created | Done])
        assert_type(preferences.sync.get("ana", consistency="strong"), Created | None)
        assert_type(preferences.sync.entry("ana"), StateEntry[Created])
        assert_type(preferences.sync.get_many([key]), dict[UUID, StateEntry[Created]])
        preferences.sync.save("ana", Created(id=1), etag="3", ttl=timedelta(days=1))
        preferences.sync.save_many({1: Created(id=1)})
        preferences.sync.delete(key, etag="3")
        with preferences.sync.transaction(timeout=2) as changes:
            changes.save("ana", Created(id=1))


class CreatedV1(BaseModel):
    number: str


class CreatedV2(BaseModel):
    number: int


versioned = board.topic("versioned", Created, type="created", dataschema="urn:created:3")
by_data = board.topic("by-data", Created | Done, dataschema=lambda data: f"urn:{type(data).__name__}")
assert_type(versioned, Topic[Created])


@versioned.upcast(CreatedV1, to=CreatedV2, dataschema="urn:created:1")
def from_first(old: CreatedV1) -> CreatedV2:
    return CreatedV2(number=int(old.number))


@versioned.upcast(CreatedV2, dataschema="urn:created:2")
def from_second(old: CreatedV2) -> Created:
    return Created(id=old.number)


@by_data.upcast(CreatedV1, type="created.v1", dataschema=None)
def to_one_of_both(old: CreatedV1) -> Done:
    return Done(id=int(old.number))


assert_type(from_first(CreatedV1(number="1")), CreatedV2)
