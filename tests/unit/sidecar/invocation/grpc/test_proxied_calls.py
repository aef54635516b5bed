"""Calls of an app's own services, passed on by a sidecar's gRPC API to the app beside it, over sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import NoReturn

import grpc
import pytest

from conformance.grpc_mirror import Metadata, Proxied, Script, ScriptedMirror, proxied
from outboard.sidecar.api.grpc.api import GrpcApi, GrpcSettings
from outboard.sidecar.api.grpc.server import serving
from outboard.sidecar.api.unserved_calls import UnservedCalls
from outboard.sidecar.invocation.grpc.app import MOST_CALLS, GrpcAppPlace
from outboard.sidecar.invocation.grpc.proxy import GrpcProxy
from outboard.sidecar.invocation.service import Reach
from outboard.sidecar.invocation.targets import AppName
from outboard.sidecar.invocation.values import InvocationFailed
from outboard.sidecar.logs import SidecarLog
from support.certificates import self_signed

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]
LOG = SidecarLog("me", "info", "1")
ME = (("dapr-app-id", "me"),)
SIZE = 1024 * 1024


async def nobody() -> NoReturn:
    raise AssertionError("no other sidecar is called here")


@asynccontextmanager
async def sidecar(app: GrpcAppPlace, *, refuses: bool = False, token: str = "") -> AsyncIterator[int]:
    """A gRPC API that passes calls on to `app`; its callers show `token`, which is not the app's."""
    reach, shown = Reach(), "the app's" if token else ""
    proxy = GrpcProxy(AppName("me", "default"), reach, app.channel, nobody, refuses=refuses, token=shown)
    api = GrpcApi({}, {}, proxy, GrpcSettings(SIZE, token), UnservedCalls(LOG), LOG)
    async with serving(api, "127.0.0.1:0", 0.0) as port:
        yield port
    await app.aclose()


async def called(
    app: ScriptedMirror, metadata: Metadata = ME, *, refuses: bool = False, token: str = ""
) -> Proxied:
    place = GrpcAppPlace("127.0.0.1", app.port, SIZE, secure=False)
    async with sidecar(place, refuses=refuses, token=token) as port:
        return await proxied(port, "Told", metadata=metadata)


async def test_the_app_sees_its_own_token_and_never_that_of_the_sidecar() -> None:
    app = ScriptedMirror()
    async with app.serving():
        ended = await called(app, (*ME, ("dapr-api-token", "s"), ("x", "1")), token="s")
        (told,) = ended.replies
        assert isinstance(told, dict)
        assert told["metadata"] == [["dapr-api-token", "the app's"], ["x", "1"]]
        assert (await called(app, ME, token="s")).code == "UNAUTHENTICATED"


async def test_without_a_token_none_is_shown() -> None:
    app = ScriptedMirror()
    async with app.serving():
        (told,) = (await called(app)).replies
    assert isinstance(told, dict)
    assert told["metadata"] == []


async def test_a_call_that_is_refused_never_reaches_the_app() -> None:
    app = ScriptedMirror()
    async with app.serving():
        ended = await called(app, refuses=True)
    assert (ended.code, app.calls) == ("PERMISSION_DENIED", 0)
    assert ended.message.endswith("operation: /mirror.v1.Mirror/Told verb: NONE")


async def test_without_an_app_the_call_is_unavailable() -> None:
    class Without(GrpcAppPlace):
        def channel(self) -> NoReturn:
            raise InvocationFailed("it has no --app-port", "Unavailable")

    async with sidecar(Without("127.0.0.1", 1, SIZE, secure=False)) as port:
        ended = await proxied(port, "Told", metadata=ME)
    assert (ended.code, ended.message) == ("UNAVAILABLE", "it has no --app-port")


async def test_an_app_that_is_not_there_is_unavailable() -> None:
    app = ScriptedMirror()
    async with app.serving():
        pass
    assert (await called(app)).code == "UNAVAILABLE"


async def test_tls_of_the_app_is_not_verified(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "app")
    server = grpc.aio.server(handlers=[ScriptedMirror()])
    pair = (key.read_bytes(), certificate.read_bytes())
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    try:
        async with sidecar(GrpcAppPlace("127.0.0.1", port, SIZE, secure=True)) as api:
            ended = await proxied(api, "Echo", [b"one", b"two"], ME)
    finally:
        await server.stop(0)
    assert (ended.code, ended.replies) == ("OK", ["one", "two"])


async def test_a_connection_has_so_many_calls_and_others_get_another_one() -> None:
    place = GrpcAppPlace("127.0.0.1", 1, SIZE, secure=False)
    async with AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(place.channel()) for _ in range(MOST_CALLS + 1)]
        assert len({id(each) for each in channels}) == 2
    async with place.channel() as channel:
        assert channel is channels[0]
    await place.aclose()


@pytest.mark.parametrize("leave", [lambda call: call.cancel(), lambda call: None], ids=["cancel", "deadline"])
async def test_who_leaves_takes_the_call_along(leave: Callable[[grpc.aio.Call], object]) -> None:
    app = ScriptedMirror(script=Script([b"x"], hangs=True))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(app.serving())
        place = GrpcAppPlace("127.0.0.1", app.port, SIZE, secure=False)
        port = await stack.enter_async_context(sidecar(place))
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))
        method: grpc.aio.UnaryStreamMultiCallable[bytes, bytes]
        method = channel.unary_stream("/mirror.v1.Mirror/Told")
        call = method(b"", metadata=ME, timeout=3)
        assert await call.read() == b"x"
        leave(call)
        await asyncio.wait_for(app.ended.wait(), 10)
