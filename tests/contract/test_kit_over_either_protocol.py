"""What the kit asks of a sidecar, over HTTP and over gRPC, of ours and of daprd: the same comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest
from pydantic import BaseModel
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from faults.recorder import Recorder, recording
from faults.shop import board_of
from faults.sidecars import Beside, component, daprd_beside, sidecar_beside
from outboard import EtagMismatch, Outboard, Outbox, SidecarError
from outboard.kit.client.grpc.publishing import ALPHA, STABLE
from support.processes import PATIENCE

pytestmark = pytest.mark.anyio

TOPICS = ("orders", "many", "synchronous", "staged", "traced", "keyed", "halved")
COMPONENTS = {
    "pubsub.yaml": component(protectedTopics="vault"),
    "statestore.yaml": component("statestore", "state.in-memory"),
}
PROTOCOLS: tuple[Literal["http", "grpc"], ...] = ("http", "grpc")


class Cart(BaseModel):
    items: list[str]


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with recording(*({"pubsubname": "pubsub", "topic": topic} for topic in TOPICS)) as recorder:
        yield recorder


@pytest.fixture(scope="module", params=["outboard", pytest.param("daprd", marks=pytest.mark.engine("daprd"))])
def sidecar(
    request: pytest.FixtureRequest, recorder: Recorder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Beside]:
    folder = tmp_path_factory.mktemp("sidecar")
    stores = {
        **COMPONENTS,
        "lite.yaml": component("lite", "state.sqlite", connectionString=str(folder / "state.db")),
    }
    if request.param == "daprd":
        executable: Path = request.getfixturevalue("daprd")
        starting = daprd_beside(executable, folder, stores, app_port=recorder.port)
    else:
        starting = sidecar_beside(folder, stores, app_port=recorder.port)
    with starting as beside:
        yield beside


@pytest.fixture(params=PROTOCOLS)
def board(request: pytest.FixtureRequest, sidecar: Beside) -> Outboard:
    return board_of(sidecar.port_of(request.param), request.param)


def arrived(recorder: Recorder, topic: str, wanted: set[str]) -> list[dict[str, Any]]:
    """The events with these ids, once they are all there."""
    found: list[dict[str, Any]] = []
    count = 1
    while not wanted <= {each["id"] for each in found}:
        found = [each.event for each in recorder.wait(topic, count)]
        count = len(found) + 1
    return [each for each in found if each["id"] in wanted]


# Publishing


async def test_an_event_arrives_as_it_was_published(board: Outboard, recorder: Recorder) -> None:
    async with board.connected():
        event = await board.publish("orders", {"n": 1, "text": "ä<"}, subject="s", extensions={"tenant": "t"})
    (found,) = await asyncio.to_thread(arrived, recorder, "orders", {event.id})
    assert (found["data"], found["subject"], found["tenant"]) == ({"n": 1, "text": "ä<"}, "s", "t")
    assert (found["source"], found["type"]) == (event.source, event.type)
    assert found["correlationid"] == event.extensions["correlationid"]


async def test_events_that_are_published_together_all_arrive(board: Outboard, recorder: Recorder) -> None:
    async with board.connected():
        events = await asyncio.gather(*(board.publish("many", number) for number in range(50)))
    found = await asyncio.to_thread(arrived, recorder, "many", {event.id for event in events})
    assert sorted(each["data"] for each in found) == list(range(50))


async def test_an_event_keeps_its_trace_alone_and_among_others(board: Outboard, recorder: Recorder) -> None:
    async with board.connected():
        events = await asyncio.gather(*(board.publish("traced", number) for number in range(5)))
    wanted = {event.id: event.extensions["traceparent"] for event in events}
    found = await asyncio.to_thread(arrived, recorder, "traced", set(wanted))
    assert {each["id"]: each["traceparent"].split("-")[1] for each in found} == {
        id: str(traceparent).split("-")[1] for id, traceparent in wanted.items()
    }


async def test_events_of_one_key_arrive_in_their_order(board: Outboard, recorder: Recorder) -> None:
    async with board.connected():
        events = await asyncio.gather(*(board.publish("keyed", number, key="k") for number in range(10)))
    found = await asyncio.to_thread(arrived, recorder, "keyed", {event.id for event in events})
    assert {each["partitionkey"] for each in found} == {"k"}


def test_synchronous_code_publishes_too(board: Outboard, recorder: Recorder) -> None:
    topic = board.topic("synchronous")
    with board.connected():
        event = topic.sync.publish({"n": 1})
        board.state().sync.save("sync", {"a": 1})
        assert board.state().sync.get("sync") == {"a": 1}
    assert arrived(recorder, "synchronous", {event.id})


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_what_is_staged_is_relayed(
    sidecar: Beside, protocol: str, recorder: Recorder, tmp_path: Path
) -> None:
    from fastapi import FastAPI

    engine = create_engine(f"sqlite:///{tmp_path / 'outbox.db'}")
    Outbox.make_durable(engine)
    outbox = Outbox(engine)
    outbox.metadata.create_all(engine)
    board = board_of(sidecar.port_of(protocol), protocol, outbox=outbox)
    app = FastAPI()
    board.mount(app)
    topic = board.topic("staged")
    with Session(engine) as session:
        events = [topic.stage(session, number) for number in range(3)]
        session.commit()
    async with board.lifespan(app), asyncio.timeout(PATIENCE):
        await asyncio.to_thread(arrived, recorder, "staged", {event.id for event in events})
    engine.dispose()


# State


@pytest.mark.parametrize("store", ["statestore", "lite"])
async def test_state(board: Outboard, store: str) -> None:
    carts, key = board.state(Cart, store=store), str(uuid4())
    async with board.connected():
        assert await carts.get(key) is None
        await carts.save(key, Cart(items=["ä", "<"]))
        entry = await carts.entry(key)
        assert entry.value == Cart(items=["ä", "<"])
        await carts.save(key, Cart(items=[]), etag=entry.etag, consistency="strong")
        with pytest.raises(EtagMismatch):
            await carts.save(key, Cart(items=["late"]), etag=entry.etag)
        with pytest.raises(EtagMismatch):
            await carts.delete(key, etag=entry.etag)
        with pytest.raises(EtagMismatch):
            await carts.save(key, Cart(items=["first"]), concurrency="first-write")
        await carts.save_many({f"{key}1": Cart(items=["1"]), f"{key}2": Cart(items=["2"])})
        found = await carts.get_many([f"{key}2", "none", f"{key}1"])
        values = [each.value.items if each.value else None for each in found.values()]
        assert values == [["2"], None, ["1"]]
        async with carts.transaction() as changes:
            changes.save(f"{key}3", Cart(items=["3"]))
            changes.delete(f"{key}1")
        with pytest.raises(EtagMismatch):
            async with carts.transaction() as changes:
                changes.save(f"{key}4", Cart(items=["4"]))
                changes.save(f"{key}3", Cart(items=["late"]), etag=entry.etag)
        assert [await carts.get(f"{key}{number}") for number in (1, 3, 4)] == [None, Cart(items=["3"]), None]
        await carts.delete(key)
        assert await carts.get(key) is None


@pytest.mark.parametrize("store", ["statestore", "lite"])
async def test_what_is_saved_by_one_protocol_is_read_by_the_other(sidecar: Beside, store: str) -> None:
    boards: dict[str, Outboard] = {
        protocol: board_of(sidecar.port_of(protocol), protocol) for protocol in PROTOCOLS
    }
    async with boards["http"].connected(), boards["grpc"].connected():
        for value in ({"a": [1, 1.5, None, "ä<"]}, "text", 7, None, True):
            for writing, reading in (("http", "grpc"), ("grpc", "http")):
                await boards[writing].state(store=store).save("shared", value)
                entry = await boards[reading].state(store=store).entry("shared")
                assert entry.value == value
                assert entry == await boards[writing].state(store=store).entry("shared")


# What goes wrong

Failing = Callable[[Outboard], Awaitable[object]]


async def in_transaction(board: Outboard, **options: Any) -> None:
    async with board.state().transaction() as changes:
        changes.save("kept", 2, **options)


FAILURES: dict[str, Failing] = {
    "unknown pub/sub": lambda board: board.publish("orders", 1, pubsub="nope"),
    "unknown pub/sub, many": lambda board: asyncio.gather(
        *(board.publish("orders", 1, pubsub="nope") for _ in range(3))
    ),
    "forbidden": lambda board: board.publish("vault", 1),
    "raw without a boolean": lambda board: board.publish("orders", 1, metadata={"rawPayload": "perhaps"}),
    "unknown store": lambda board: board.state(store="nope").get("a"),
    "unknown store, saved": lambda board: board.state(store="nope").save("a", 1),
    "unknown store, many": lambda board: board.state(store="nope").get_many(["a", "b"]),
    "unknown store, transaction": lambda board: in_transaction_of_none(board),
    "etag": lambda board: board.state().save("kept", 2, etag="77"),
    "etag, deleted": lambda board: board.state().delete("kept", etag="77"),
    "etag, transaction": lambda board: in_transaction(board, etag="77"),
    "first write": lambda board: board.state().save("kept", 2, concurrency="first-write"),
    "no seconds": lambda board: board.state().save("kept", 2, metadata={"ttlInSeconds": "soon"}),
}


async def in_transaction_of_none(board: Outboard) -> None:
    async with board.state(store="nope").transaction() as changes:
        changes.save("kept", 2)


@pytest.mark.parametrize("name", FAILURES)
async def test_it_is_told_in_the_same_words(sidecar: Beside, name: str) -> None:
    told = []
    for protocol in PROTOCOLS:
        board = board_of(sidecar.port_of(protocol), protocol)
        async with board.connected():
            await board.state().save("kept", 1)
            with pytest.raises(SidecarError) as caught:
                await FAILURES[name](board)
            told.append((type(caught.value), str(caught.value)))
    assert told[0] == told[1]


async def test_one_bad_event_harms_none_that_leaves_with_it(board: Outboard, recorder: Recorder) -> None:
    raw = {"metadata": {"rawPayload": "perhaps"}}
    async with board.connected():
        outcomes = await asyncio.gather(
            board.publish("halved", "first"),
            *(board.publish("halved", number, **(raw if number == 3 else {})) for number in range(6)),  # type: ignore[arg-type]
            return_exceptions=True,
        )
    failed = [each for each in outcomes if isinstance(each, BaseException)]
    assert len(failed) <= 1
    ids = {each.id for each in outcomes if not isinstance(each, BaseException)}
    assert len(await asyncio.to_thread(arrived, recorder, "halved", ids)) == len(ids)


def test_the_names_of_its_methods_are_those_of_the_service() -> None:
    from dapr.proto.runtime.v1 import dapr_pb2

    methods = {each.name for each in dapr_pb2.DESCRIPTOR.services_by_name["Dapr"].methods}
    assert {STABLE, ALPHA} <= methods
