"""Each fault, and that the shipped code meets it as it would meet the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from outboard import (
    DeliveryStatus,
    EtagMismatch,
    Event,
    Outboard,
    Outbox,
    PublishFailed,
    SidecarUnavailable,
)
from outboard.testing import Harness
from outboard.testing.delivered import delivered_in, status_of
from outboard.wire.http import Request

pytestmark = pytest.mark.anyio


class Service:
    def __init__(self, outbox: Outbox | None = None, *, bulk: bool = False) -> None:
        self.board = Outboard(app_id="shop", environ={}, outbox=outbox)
        self.orders = self.board.topic("orders", int)
        self.others = self.board.topic("others", int)
        self.handled: list[int] = []
        self.app = FastAPI(lifespan=self.board.lifespan)
        self.board.mount(self.app)

        @self.orders.subscribe("/orders", bulk=bulk)
        async def on_order(event: Event[int]) -> None:
            self.handled.append(event.data)

        @self.others.subscribe("/others")
        async def on_other(event: Event[int]) -> DeliveryStatus | None:
            self.handled.append(event.data)
            return DeliveryStatus.RETRY if event.data < 0 else None


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.db'}")
    Outbox.make_durable(engine)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("bulk", [False, True], ids=["alone", "in bulk"])
async def test_redelivery(outboard: Harness, bulk: bool) -> None:
    service = Service(bulk=bulk)
    async with outboard.session(service.app) as s:
        async with s.faults.redelivery(service.orders):
            await service.orders.publish(1)
            await service.others.publish(2)
        await service.orders.publish(3)
    assert sorted(service.handled) == [1, 1, 2, 3]
    told = [(each.outcome, each.detail[:19]) for each in s.deliveries(service.orders)]
    assert told == [
        ("RETRY", "the answer was lost"),
        ("SUCCESS", ""),
        ("SUCCESS", ""),
    ]
    assert len(s.published(service.orders)) == 2


async def test_what_is_not_handled_is_not_redelivered_at_once(outboard: Harness, service: Service) -> None:
    with pytest.raises(ExceptionGroup):
        async with outboard.session(service.app) as s, s.faults.redelivery(service.others):
            await service.others.publish(-1)
    assert service.handled == [-1]


async def test_duplicates(outboard: Harness, service: Service) -> None:
    async with outboard.session(service.app) as s:
        async with s.faults.duplicates(service.orders):
            await service.orders.publish(1, id="o1")
            await service.others.publish(2)
        await service.orders.publish(3)
    assert sorted(service.handled) == [1, 1, 2, 3]
    assert [event.id for event in s.published(service.orders)][:2] == ["o1", "o1"]


async def test_duplicates_of_what_is_published_together(outboard: Harness, service: Service) -> None:
    import asyncio

    async with outboard.session(service.app) as s, s.faults.duplicates(service.orders):
        await asyncio.gather(*(service.orders.publish(number) for number in range(10)))
    assert sorted(service.handled) == sorted([*range(10)] * 2)


async def test_reordering_keeps_the_order_of_a_key(outboard: Harness) -> None:
    orders: set[tuple[int, ...]] = set()
    for seed in range(8):
        service, harness = Service(), Harness()
        async with harness.session(service.app) as s, s.faults.reordering(seed):
            for number in range(12):
                await service.orders.publish(number, key=str(number % 4))
            await s.quiet()
            assert service.handled == []
        assert sorted(service.handled) == list(range(12))
        for key in range(4):
            assert [number for number in service.handled if number % 4 == key] == [key, key + 4, key + 8]
        orders.add(tuple(service.handled))
    assert len(orders) > 3


async def test_the_same_seed_is_the_same_order() -> None:
    orders = []
    for _ in range(2):
        service = Service()
        async with Harness().session(service.app) as s, s.faults.reordering(7):
            for number in range(12):
                await service.orders.publish(number, key=str(number))
        orders.append(service.handled)
    assert orders[0] == orders[1] != sorted(orders[0])


async def test_a_slow_sidecar_takes_time_of_the_session(outboard: Harness, service: Service) -> None:
    async with outboard.session(service.app) as s, s.faults.slow_sidecar(2):
        before = s.clock.now()
        await service.orders.publish(1)
        assert (s.clock.now() - before).total_seconds() == 2
        with pytest.raises(SidecarUnavailable, match="no answer within 1 s"):
            await service.orders.publish(2, timeout=1)
    assert sorted(service.handled) == [1, 2], "the answer came too late, and the event is there"


async def test_a_failing_sidecar(outboard: Harness, service: Service) -> None:
    async with outboard.session(service.app) as s:
        async with s.faults.failing_sidecar():
            with pytest.raises(PublishFailed, match="a fault of the test"):
                await service.orders.publish(1)
        await service.orders.publish(2)
    assert service.handled == [2]


async def test_an_outage(outboard: Harness, service: Service) -> None:
    async with outboard.session(service.app) as s:
        async with s.faults.reordering():
            await service.orders.publish(1, key="k")
            async with s.faults.outage():
                before = s.clock.now()
                with pytest.raises(SidecarUnavailable, match="connection refused, by a fault of the test"):
                    await service.orders.publish(2, key="k")
                assert 4 < (s.clock.now() - before).total_seconds() <= 5, "as long as it is tried"
        await service.orders.publish(3, key="k")
    assert service.handled == [1, 3]


async def test_an_outbox_outlives_an_outage(outboard: Harness, engine: Engine) -> None:
    outbox = Outbox(engine)
    outbox.create_tables(engine)
    service = Service(outbox)
    async with outboard.session(service.app) as s:
        async with s.faults.outage():
            with Session(engine) as session, session.begin():
                for number in range(3):
                    service.orders.stage(session, number, key="k")
            await s.clock.advance(seconds=20)
            assert await outbox.waiting() == 3
            assert service.handled == []
        await s.clock.advance(minutes=1)
        assert await outbox.waiting() == 0
    assert service.handled == [0, 1, 2]


@pytest.mark.parametrize("bulk", [False, True], ids=["alone", "in bulk"])
async def test_dead_letters(outboard: Harness, bulk: bool) -> None:
    service = Service(bulk=bulk)
    async with outboard.session(service.app) as s:
        async with s.faults.dead_letters(service.orders, "the warehouse burned down"):
            await service.orders.publish(1, id="o1", key="k")
        await service.orders.publish(2)
    assert service.handled == [2]
    (letter,) = s.dead_letters(service.orders)
    assert (letter.event_id, letter.reason, letter.data) == ("o1", "the warehouse burned down", 1)
    assert letter.origin == "//shop/pubsub/orders#/orders"


async def test_state_conflicts(outboard: Harness, service: Service) -> None:
    names = service.board.state(str)
    async with outboard.session(service.board) as s:
        await names.save("ana", "Ana")
        entry = await names.entry("ana")
        async with s.faults.state_conflicts():
            with pytest.raises(EtagMismatch):
                await names.save("ana", "Anna", etag=entry.etag)
            entry = await names.entry("ana")
            assert entry.value == "Ana"
            await names.save("ana", "Anna", etag=entry.etag)
        entry = await names.entry("ana")
        async with s.faults.state_conflicts(2):
            with pytest.raises(EtagMismatch):
                await names.delete("ana", etag=entry.etag)
            entry = await names.entry("ana")
            with pytest.raises(EtagMismatch):
                async with names.transaction() as changes:
                    changes.save("ana", "Anne", etag=entry.etag)
            await names.save("bob", "Bob")
        assert await names.get("ana") == "Anna"


def test_faults_of_a_synchronous_session(outboard: Harness, service: Service) -> None:
    with outboard.session(service.app) as s:
        with s.faults.duplicates(service.orders), s.faults.redelivery(service.orders):
            service.orders.sync.publish(1)
        with s.faults.outage(), pytest.raises(SidecarUnavailable):
            service.orders.sync.publish(2)
    assert service.handled == [1] * 4


async def test_a_fault_of_what_is_no_topic(outboard: Harness, service: Service) -> None:
    async with outboard.session(service.app) as s:
        for fault in (s.faults.redelivery, s.faults.duplicates, s.faults.dead_letters):
            with pytest.raises(TypeError, match="topic has to be a Topic"):
                fault("orders")  # type: ignore[arg-type]


async def test_a_fault_of_what_is_no_such_thing(outboard: Harness, service: Service) -> None:
    async with outboard.session(service.app) as s:
        with pytest.raises(TypeError, match="seed has to be a whole number, not 'a'"):
            s.faults.reordering("a")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="seconds has to be a number of seconds, 0 or more, not None"):
            s.faults.slow_sidecar(None)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="status has to be a whole number, 400 to 599, not '500'"):
            s.faults.failing_sidecar("500")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="status 200 is no error"):
            s.faults.failing_sidecar(200)
        with pytest.raises(TypeError, match="reason has to be a text, not None"):
            s.faults.dead_letters(service.orders, reason=None)  # type: ignore[arg-type]


def test_what_a_request_delivers() -> None:
    assert delivered_in(Request("GET", "/orders")) is None
    assert delivered_in(Request("POST", "/orders", body=b"no json")) is None
    assert delivered_in(Request("POST", "/orders", body=b'{"id": "1"}')) is None
    one = delivered_in(Request("POST", "/orders", body=b'{"id": "1", "topic": "a", "pubsubname": "p"}'))
    assert one is not None
    assert (one.pubsub, one.topic, one.ids, one.entries) == ("p", "a", ("1",), ())


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (200, b"", "SUCCESS"),
        (200, b'{"status": "DROP"}', "DROP"),
        (404, b"", "DROP"),
        (500, b"", "RETRY"),
        (200, b'{"statuses": [{"status": "SUCCESS"}, {"status": "RETRY"}]}', "RETRY"),
    ],
)
def test_what_an_answer_says(status: int, body: bytes, told: str) -> None:
    assert status_of(status, body) == told
