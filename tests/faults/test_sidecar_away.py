"""A sidecar that is away, late, silent or killed: the publisher is told in bounded time, or waits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from faults.recorder import recording
from faults.shop import board_of
from faults.sidecars import Beside, component, sidecar_beside
from outboard import Outboard, SidecarUnavailable
from outboard.errors import SidecarSilent, SidecarSilentInPod, SidecarUnavailableInPod
from support.processes import PATIENCE, free_ports

pytestmark = pytest.mark.anyio

RESOURCES = {"pubsub.yaml": component(backlog="10")}  # the API is up before the app is subscribed
Absent: TypeAlias = Callable[[], AbstractContextManager[int]]
ORDERS = {"pubsubname": "pubsub", "topic": "orders"}


@contextmanager
def silent() -> Iterator[int]:
    """A port at which connections are taken, and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def nobody() -> Iterator[int]:
    """A port at which nobody listens."""
    yield free_ports(1)[0]


async def unavailable(board: Outboard) -> SidecarUnavailable:
    """What publishing ends in, in bounded time."""
    async with board.connected(), asyncio.timeout(PATIENCE):
        with pytest.raises(SidecarUnavailable) as caught:
            await board.publish("orders", {"number": 1}, timeout=0.2)
    return caught.value


@pytest.fixture(autouse=True)
def on_a_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the tests themselves run in a pod."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


async def test_without_a_sidecar_the_publisher_is_told_what_may_not_have_happened(protocol: str) -> None:
    with nobody() as port:
        error = await unavailable(board_of(port, protocol))

    assert error.address == f"{protocol}://127.0.0.1:{port}"
    assert error.operation == "publishing to topic 'orders' of 'pubsub'"
    assert error.reason.startswith("no connection: ")
    assert str(error) == (
        f"no answer from the Dapr sidecar at {error.address} within {error.waited:.1f} s "
        f"({error.reason}); publishing to topic 'orders' of 'pubsub' may not have happened. Start one with "
        "`outboard run` or `outboard sidecar`, or point DAPR_HTTP_PORT (over gRPC DAPR_GRPC_PORT) at "
        "it. In a test, the pytest fixture `outboard` has one."
    )


async def test_of_a_silent_sidecar_the_publisher_is_not_told_to_start_one(protocol: str) -> None:
    with silent() as port:
        error = await unavailable(board_of(port, protocol))

    assert type(error) is SidecarSilent
    assert error.reason.startswith("the time was up")
    assert str(error) == (
        f"the Dapr sidecar at {error.address} was asked, and has not answered within {error.waited:.1f} s "
        f"({error.reason}); publishing to topic 'orders' of 'pubsub' may or may not have happened. Something "
        "listens there: a sidecar that is silent most often waits itself, for its broker or its state store. "
        "Its log says for which; `outboard doctor` looks."
    )


@pytest.mark.parametrize(
    ("absent", "expected"), [(nobody, SidecarUnavailableInPod), (silent, SidecarSilentInPod)]
)
async def test_in_a_pod_the_publisher_is_told_where_to_look_there(
    absent: Absent, expected: type[SidecarUnavailable], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    with absent() as port:
        error = await unavailable(board_of(port))

    assert type(error) is expected
    assert "kubectl logs POD -c daprd" in str(error)
    assert "outboard run" not in str(error)


@pytest.mark.parametrize("absent", [nobody, silent])
async def test_state_without_a_sidecar_is_told_as_well(absent: Absent, protocol: str) -> None:
    with absent() as port:
        board = board_of(port, protocol, timeout=0.2)
        async with board.connected(), asyncio.timeout(PATIENCE):
            for operation in (board.state().get("cart"), board.state().save("cart", [])):
                with pytest.raises(
                    SidecarUnavailable, match=r"(read|save) (key )?'cart' may (or may )?not have happened"
                ):
                    await operation


async def test_a_sidecar_that_starts_later_than_the_app_is_waited_for(tmp_path: Path, protocol: str) -> None:
    (port,) = free_ports(1)
    board = board_of(port, protocol)
    with recording(ORDERS) as recorder:
        async with board.connected():
            publishing = asyncio.create_task(publish_in_order(board, 3))
            await asyncio.sleep(0)
            async with started(tmp_path, recorder.port, port, protocol):
                await publishing
                recorder.wait("orders", 3)

    assert recorder.data("orders") == [0, 1, 2]


async def test_a_sidecar_that_was_killed_loses_no_event_that_it_did_not_take(
    tmp_path: Path, protocol: str
) -> None:
    (port,) = free_ports(1)
    board = board_of(port, protocol)
    with recording(ORDERS) as recorder:
        async with board.connected():
            async with started(tmp_path, recorder.port, port, protocol) as sidecar:
                await board.publish("orders", "before")
                recorder.wait("orders")
                sidecar.program.kill()
            with pytest.raises(SidecarUnavailable):
                await board.publish("orders", "told to be lost", timeout=0.2)
            waiting = asyncio.create_task(board.publish("orders", "after"))
            async with started(tmp_path, recorder.port, port, protocol):
                await waiting
                recorder.wait("orders", 2)

    assert recorder.data("orders") == ["before", "after"]


async def test_a_sidecar_that_dies_with_the_request_in_its_hands_is_not_asked_twice(tmp_path: Path) -> None:
    requests: list[bytes] = []

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"}"))
        writer.close()

    async with await asyncio.start_server(die, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        board = board_of(port)
        async with board.connected():
            with pytest.raises(SidecarUnavailable) as caught:
                await board.publish("orders", {"number": 1}, id="order-1")

    assert len(requests) == 1
    assert caught.value.reason == "Server disconnected"
    with recording(ORDERS) as recorder:  # so the author may publish it once more, as the same event
        async with started(tmp_path, recorder.port, port), board.connected():
            await board.publish("orders", {"number": 1}, id="order-1")
            [taken] = recorder.wait("orders")
    assert (taken.event["id"], taken.event["data"]) == ("order-1", {"number": 1})


async def publish_in_order(board: Outboard, count: int) -> None:
    for number in range(count):
        await board.publish("orders", number)


@asynccontextmanager
async def started(folder: Path, app_port: int, port: int, protocol: str = "http") -> AsyncIterator[Beside]:
    """The sidecar, its API of `protocol` at `port`, started while the loop goes on."""
    ports = {"port": port} if protocol == "http" else {"grpc_port": port}
    lifetime = sidecar_beside(folder, RESOURCES, app_port=app_port, **ports)  # type: ignore[arg-type]
    sidecar = await asyncio.to_thread(lifetime.__enter__)
    try:
        yield sidecar
    finally:
        await asyncio.to_thread(lifetime.__exit__, None, None, None)
