"""A state inbox in each store of our sidecar and of daprd: also for a key that was not there yet."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import pytest
from fastapi import Depends, FastAPI
from pydantic import BaseModel

from faults.recorder import Recorder, recording
from faults.shop import board_of
from faults.sidecars import Beside, component, daprd_beside, sidecar_beside
from outboard import Event
from outboard.inbox import InboxEntry
from support.redis import RedisServer

pytestmark = [pytest.mark.anyio, pytest.mark.engine("redis")]

HEADERS = {"content-type": "application/cloudevents+json"}


class Total(BaseModel):
    amount: int = 0


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with recording({"pubsubname": "pubsub", "topic": "booked"}) as recorder:
        yield recorder


@pytest.fixture(scope="module", params=["outboard", pytest.param("daprd", marks=pytest.mark.engine("daprd"))])
def sidecar(
    request: pytest.FixtureRequest,
    recorder: Recorder,
    redis: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Beside]:
    folder = tmp_path_factory.mktemp("sidecar")
    components = {
        "pubsub.yaml": component(),
        "memory.yaml": component("memory", "state.in-memory"),
        "sqlite.yaml": component("sqlite", "state.sqlite", connectionString=str(folder / "state.db")),
        "redis.yaml": component("redis", "state.redis", redisHost=redis.address, redisDB="7"),
    }
    if request.param == "daprd":
        executable: Path = request.getfixturevalue("daprd")
        starting = daprd_beside(executable, folder, components, app_port=recorder.port)
    else:
        starting = sidecar_beside(folder, components, app_port=recorder.port)
    with starting as beside:
        yield beside


@asynccontextmanager
async def process(beside: Beside, store: str, protocol: str) -> AsyncIterator[httpx.AsyncClient]:
    """A service that adds up what comes, as one of several processes."""
    board = board_of(beside.port_of(protocol), protocol, pubsub="pubsub")
    totals = board.state_inbox(Total, key=lambda event: event.subject or "", store=store)
    booked = board.topic("booked", Total)

    @board.topic("payments", int).subscribe("/on")
    async def on(event: Event[int], entry: Annotated[InboxEntry[Total], Depends(totals.entry)]) -> None:
        total = entry.value or Total()
        entry.value = Total(amount=total.amount + event.data)
        booked.stage(entry, entry.value, subject=event.subject)

    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client,
    ):
        yield client


async def deliver(client: httpx.AsyncClient, subject: str, number: int) -> str:
    event = {"id": f"e-{number}", "source": "shop", "specversion": "1.0", "type": "paid", "data": 10}
    body = json.dumps({**event, "subject": subject})
    return str((await client.post("/on", content=body, headers=HEADERS)).json()["status"])


@pytest.mark.parametrize("store", ["memory", "sqlite", "redis"])
@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_two_processes_apply_each_event_of_a_new_key_once(
    sidecar: Beside, recorder: Recorder, store: str, protocol: str
) -> None:
    subject = f"{store}-{uuid4()}"
    async with process(sidecar, store, protocol) as one, process(sidecar, store, protocol) as two:
        for number in range(5):
            for _ in range(5):  # what lost too often is delivered again, as by a sidecar
                both = [*await asyncio.gather(deliver(one, subject, number), deliver(two, subject, number))]
                if both == ["SUCCESS"] * 2:
                    break
        assert both == ["SUCCESS"] * 2

    stored = sidecar.http.get(f"/v1.0/state/{store}/{subject}").json()
    assert stored["value"] == {"amount": 50}
    assert stored["outgoing"] == []
    own = arrived(recorder, subject, 50)
    assert {event["data"]["amount"] for event in own} == {10, 20, 30, 40, 50}
    assert len({event["id"] for event in own}) == 5  # what came twice has the same id


def arrived(recorder: Recorder, subject: str, amount: int) -> list[dict[str, Any]]:
    """What was published for `subject`, once that with `amount` has come; some may have come twice."""
    own: list[dict[str, Any]] = []
    count = 1
    while not any(event["data"]["amount"] == amount for event in own):
        found = [each.event for each in recorder.wait("booked", count)]
        own = [event for event in found if event["subject"] == subject]
        count = len(found) + 1
    return own


@pytest.mark.parametrize("store", ["memory", "sqlite", "redis"])
@pytest.mark.parametrize("protocol", ["http", "grpc"])
async def test_keys_that_are_not_there_yet_are_saved_by_one_of_two(
    sidecar: Beside, store: str, protocol: str
) -> None:
    subjects = [f"{store}-{uuid4()}" for _ in range(10)]
    async with process(sidecar, store, protocol) as one, process(sidecar, store, protocol) as two:
        found = await asyncio.gather(
            *(deliver(one, subject, 1) for subject in subjects),
            *(deliver(two, subject, 2) for subject in subjects),
        )
    assert found == ["SUCCESS"] * 20
    for subject in subjects:
        assert sidecar.http.get(f"/v1.0/state/{store}/{subject}").json()["value"] == {"amount": 20}
