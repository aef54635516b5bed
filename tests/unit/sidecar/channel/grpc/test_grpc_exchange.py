"""Calls over sockets, to a server of the library: plainly, and over TLS that nobody verifies."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest

from outboard.sidecar.channel.grpc.exchange import grpc_exchange_with
from outboard.wire.http import Request, Response
from support.certificates import self_signed
from support.processes import free_ports

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

LIMIT = 1024 * 1024
Context = grpc.aio.ServicerContext[bytes, bytes]


class Echo(grpc.GenericRpcHandler):
    """Answers with the message, and with what stands in the metadata; fails where it is told to."""

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        async def handle(data: bytes, context: Context) -> bytes:
            given = dict(context.invocation_metadata() or ())
            if data == b"fail":
                await context.abort(grpc.StatusCode.NOT_FOUND, "no such thing")
            told = repr((given.get("a"), given.get("b-bin"))).encode()
            return handler_call_details.method.encode() + b" " + told + b" " + data

        return grpc.unary_unary_rpc_method_handler(handle)


@asynccontextmanager
async def serving(
    bind: Callable[[grpc.aio.Server], int] = lambda server: server.add_insecure_port("127.0.0.1:0"),
) -> AsyncIterator[int]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([Echo()])
    port = bind(server)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


async def ask(port: int, request: Request, *, secure: bool = False, limit: int = LIMIT) -> Response:
    async with grpc_exchange_with("127.0.0.1", port, limit, secure=secure) as exchange:
        return await exchange(request, 20)


async def test_a_call_is_an_exchange() -> None:
    async with serving() as port:
        response = await ask(port, Request("POST", "/s.S/M", {"a": "x", "b-bin": "\xff"}, b"data"))
    assert response == Response(200, body=b"/s.S/M ('x', b'\\xff') data")


async def test_a_status_is_in_the_headers() -> None:
    async with serving() as port:
        response = await ask(port, Request("POST", "/s.S/M", body=b"fail"))
    assert response == Response(500, {"grpc-status": "5", "grpc-message": "no such thing"})


async def test_a_message_that_is_too_large_is_refused() -> None:
    async with serving() as port:
        response = await ask(port, Request("POST", "/s.S/M", body=b"x" * LIMIT + b"x"))
    assert response.headers["grpc-status"] == "8"


async def test_where_nobody_listens_the_app_is_unavailable() -> None:
    response = await ask(free_ports(1)[0], Request("POST", "/s.S/M"))
    assert response.headers["grpc-status"] == "14"


async def test_tls_is_not_verified(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path, "app")

    def bind(server: grpc.aio.Server) -> int:
        pair = (key.read_bytes(), certificate.read_bytes())
        return server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))

    async with serving(bind) as port:
        response = await ask(port, Request("POST", "/s.S/M", body=b"data"), secure=True)
    assert response.body.endswith(b" data")


async def test_an_app_without_tls_is_unavailable_over_it() -> None:
    async with serving() as port:
        response = await ask(port, Request("POST", "/s.S/M"), secure=True)
    assert response.headers["grpc-status"] == "14"
