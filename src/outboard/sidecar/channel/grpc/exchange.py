"""gRPC to the app over sockets: each call as an exchange, with the status in the headers of its response."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

import grpc

from outboard.sidecar.channel.grpc.metadata import BINARY
from outboard.sidecar.channel.grpc.methods import refused
from outboard.sidecar.channel.grpc.unverified import unverified
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["channel_to", "grpc_exchange_with"]

UNLIMITED: Final = -1
MOST: Final = 2**31 - 1
OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5_000),  # how long an attempt may take
    ("grpc.max_reconnect_backoff_ms", 500),  # an app that restarts is on this machine
    ("grpc.use_local_subchannel_pool", 1),
)


@asynccontextmanager
async def grpc_exchange_with(
    host: str, port: int, max_body_bytes: int, *, secure: bool
) -> AsyncIterator[Exchange]:
    """An exchange with the app at `port` of `host`, over TLS where it is `secure`.

    A request's target is the path of a method, its headers are the call's metadata (binary ones with a byte a
    character), and its body is the message, of up to `max_body_bytes` each way. A call that ends with a
    status other than OK is answered 500.
    """
    async with channel_to(host, port, max_body_bytes, secure=secure) as channel:
        yield _Calls(channel)


@asynccontextmanager
async def channel_to(
    host: str, port: int, max_body_bytes: int, *, secure: bool
) -> AsyncIterator[grpc.aio.Channel]:
    """As of `grpc_exchange_with`, the channel itself; it is connected when the first call needs it."""
    async with AsyncExitStack() as stack:
        name = f"[{host}]" if ":" in host else host
        target = f"{name}:{port}"
        if secure:
            relayed = await stack.enter_async_context(unverified(host, port))
            target = f"127.0.0.1:{relayed}"
        size = max_body_bytes if max_body_bytes <= MOST else UNLIMITED
        options = (
            *OPTIONS,
            ("grpc.default_authority", f"{name}:{port}"),
            ("grpc.max_receive_message_length", size),
            ("grpc.max_send_message_length", size),
        )
        yield await stack.enter_async_context(grpc.aio.insecure_channel(target, options))


class _Calls:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel
        self._methods: dict[str, grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = {}

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        call = self._methods.get(request.target)
        if call is None:
            call = self._methods[request.target] = self._channel.unary_unary(request.target, bytes, bytes)
        try:
            body = await call(request.body, timeout=timeout, metadata=_metadata(request.headers))
        except grpc.aio.AioRpcError as error:
            return refused(error.code(), error.details() or "")
        except grpc.aio.UsageError as error:
            raise ExchangeFailed(f"the channel is closed: {error}", sent=False) from error
        return Response(200, body=body)


def _metadata(headers: Mapping[str, str]) -> grpc.aio.Metadata:
    given = (
        (name, value.encode("latin-1") if name.endswith(BINARY) else value) for name, value in headers.items()
    )
    return grpc.aio.Metadata(*given)
