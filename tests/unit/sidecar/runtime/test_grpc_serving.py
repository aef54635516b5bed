"""Where the gRPC API listens, who is told that somebody else does, and when it is loaded."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

import grpc
import pytest

from outboard.errors import PortTaken
from outboard.sidecar.api.grpc.api import GrpcApi, GrpcSettings
from outboard.sidecar.api.unserved_calls import UnservedCalls
from outboard.sidecar.invocation.grpc.proxy import GrpcProxy
from outboard.sidecar.invocation.service import Reach
from outboard.sidecar.invocation.targets import AppName
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.runtime.grpc_serving import serving_grpc
from outboard.sidecar.runtime.listening import listening_for
from outboard.sidecar.runtime.options import Options
from outboard.wire.dapr import DEFAULT_GRPC_PORT

pytestmark = pytest.mark.anyio
LOG = SidecarLog("app", "info", "1")
NO_METHOD = "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found"


def options(grpc_port: int) -> Options:
    return Options("app", http_port=0, grpc_port=grpc_port, listen_addresses=("127.0.0.1",))


def test_a_free_port_is_taken_for_it() -> None:
    with listening_for(options(0), has_grpc=True) as sockets:
        (bound,) = sockets.grpc
        assert bound.getsockname()[0] == "127.0.0.1"


def test_without_the_extra_there_is_none() -> None:
    with listening_for(options(0), has_grpc=False) as sockets:
        assert not sockets.grpc


def test_a_port_that_is_taken_ends_the_start_and_its_owner_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"{port} for the Dapr gRPC API") as raised:
            listening_for(options(port), has_grpc=True).__enter__()
    assert f"(process {os.getpid()})" in raised.value.owner
    assert raised.value.option == "--dapr-grpc-port"


def test_so_does_the_usual_port(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert options(DEFAULT_GRPC_PORT) == Options("app", http_port=0, listen_addresses=("127.0.0.1",))
        with pytest.raises(PortTaken):
            listening_for(options(port), has_grpc=True).__enter__()


class Made:
    """Makes an API without methods, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> GrpcApi:
        self.count += 1
        proxy = GrpcProxy(AppName("me", "default"), Reach(), no_app, nobody, refuses=False)
        return GrpcApi({}, {}, proxy, GrpcSettings(1000), UnservedCalls(LOG), LOG)


def no_app() -> NoReturn:
    raise AssertionError("no call is passed on here")


async def nobody() -> NoReturn:
    raise AssertionError("no call is passed on here")


@asynccontextmanager
async def served(make: Made) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        bound.setblocking(False)
        async with serving_grpc(make, [bound], 0.0, LOG):
            yield f"127.0.0.1:{bound.getsockname()[1]}"


async def called(address: str) -> str:
    """The message of the status."""
    async with grpc.aio.insecure_channel(address) as channel:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/dapr.proto.runtime.v1.Dapr/Nothing"
        )
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await method(b"", timeout=20)
        return raised.value.details() or ""


async def test_nobody_who_connects_nothing_is_made() -> None:
    make = Made()
    async with served(make):
        await asyncio.sleep(0)
    assert make.count == 0


async def test_the_first_connection_has_it_made_and_is_served() -> None:
    make = Made()
    async with served(make) as address:
        first, second = await asyncio.gather(called(address), called(address))
        third = await called(address)
    assert {first, second, third} == {NO_METHOD}
    assert make.count == 1


async def test_what_cannot_be_loaded_is_logged_and_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Made):
        def __call__(self) -> GrpcApi:
            raise ImportError("no library")

    async with served(Broken()) as address:
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await reader.read() == b""
        writer.close()
    (record,) = caplog.records
    assert record.getMessage() == "the gRPC API cannot be served"
    assert record.exc_info is not None
    assert "no library" in str(record.exc_info[1])


async def test_an_end_while_it_is_made_is_an_end() -> None:
    make = Made()
    async with served(make) as address:
        host, port = address.split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        await asyncio.sleep(0)
        writer.close()
