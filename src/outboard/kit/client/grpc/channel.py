"""The one channel of a board to a sidecar's gRPC port."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import grpc
import grpc.aio

from outboard.kit.client.grpc_endpoint import GrpcEndpoint

__all__ = ["opened"]

FIRST_RECONNECT_MS: Final = 100
LONGEST_RECONNECT_MS: Final = 1000
LONGEST_CONNECTING_MS: Final = 5000
UNLIMITED: Final = -1


@asynccontextmanager
async def opened(endpoint: GrpcEndpoint) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to `endpoint`; nothing is sent before the first call.

    It tries again soon where nobody listens: the library's own second grows to two minutes. Proxy variables
    are honoured unless the sidecar is on this machine.
    """
    options = (
        ("grpc.initial_reconnect_backoff_ms", FIRST_RECONNECT_MS),
        ("grpc.min_reconnect_backoff_ms", LONGEST_CONNECTING_MS),  # by this name of the library's
        ("grpc.max_reconnect_backoff_ms", LONGEST_RECONNECT_MS),
        ("grpc.max_receive_message_length", UNLIMITED),
        ("grpc.enable_http_proxy", 0 if endpoint.on_loopback else 1),
        ("grpc.primary_user_agent", "outboard"),
    )
    channel = (
        grpc.aio.secure_channel(endpoint.target, grpc.ssl_channel_credentials(), options=options)
        if endpoint.tls
        else grpc.aio.insecure_channel(endpoint.target, options=options)
    )
    async with channel:
        yield channel
