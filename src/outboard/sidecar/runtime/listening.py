"""What one sidecar listens on, and its APIs served there."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Final

from outboard.sidecar.api.http.app import Api
from outboard.sidecar.api.http.server import serving
from outboard.sidecar.logs import SidecarLog, speaking
from outboard.sidecar.runtime.apis import Apis
from outboard.sidecar.runtime.grpc_serving import serving_grpc
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sockets import Purpose, listening
from outboard.sidecar.runtime.unixsocket import listening_at, socket_path

__all__ = ["Listening", "listening_for", "serving_all"]

HTTP_PORT: Final = Purpose("the Dapr HTTP API", "--dapr-http-port")
GRPC_PORT: Final = Purpose("the Dapr gRPC API", "--dapr-grpc-port")
PUBLIC_PORT: Final = Purpose("metadata and health", "--dapr-public-port")
SERVER: Final = "http"
INTERNAL_PORT: Final = Purpose("calls of other sidecars", "--dapr-internal-grpc-port")
METRICS_PORT: Final = Purpose("the metrics", "--metrics-port")


@dataclass(frozen=True, slots=True)
class Listening:
    """Sockets that are bound. `http_port` is 0 where the API is at a Unix domain socket.

    There are none for what is not to be served.
    """

    api: Sequence[socket.socket]
    public: Sequence[socket.socket]
    metrics: Sequence[socket.socket]
    http_port: int
    grpc: Sequence[socket.socket] = ()
    internal: Sequence[socket.socket] = ()

    @property
    def public_port(self) -> int:
        """0 where there is none."""
        return _port(self.public) if self.public else 0

    @property
    def internal_address(self) -> str:
        """Where other sidecars call; empty where they do not."""
        if not self.internal:
            return ""
        host, port = self.internal[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@contextmanager
def listening_for(options: Options, *, has_grpc: bool, is_found: bool = False) -> Iterator[Listening]:
    """`is_found` says whether other sidecars are to call. Raises PortTaken, CommandError."""
    given = (options.public_port, options.public_addresses)
    measured = (options.metrics_port, options.metrics_addresses)
    internal_port = options.internal_grpc_port if has_grpc and is_found else None
    with (
        _api_sockets(options, options.http_port, HTTP_PORT, "http") as api,
        _api_sockets(options, options.grpc_port, GRPC_PORT, "grpc") if has_grpc else nullcontext(()) as grpc,
        _more_sockets(*given, PUBLIC_PORT) as public,
        _more_sockets(*measured, METRICS_PORT) as metrics,
        _more_sockets(internal_port, (options.internal_listen_address,), INTERNAL_PORT) as internal,
    ):
        http_port = 0 if options.unix_domain_socket else _port(api)
        yield Listening(api, public, metrics, http_port, grpc, internal)


@asynccontextmanager
async def serving_all(
    sockets: Listening, apis: Apis, options: Options, log: SidecarLog
) -> AsyncIterator[Callable[[], None]]:
    """Serve each API where it has sockets; at the end requests in hand get as long as `options` say.

    Yields what to call to take no further requests, before the block ends.
    """
    drain = options.graceful_shutdown
    async with AsyncExitStack() as stack:

        async def serve(
            api: Api, bound: Sequence[socket.socket], *, http2: bool = False
        ) -> Callable[[], None]:
            with speaking(log, SERVER):
                return await stack.enter_async_context(serving(api, bound, drain, http2=http2))

        closes = []
        if sockets.grpc and apis.grpc is not None:
            with speaking(log, "grpc"):
                serving_calls = serving_grpc(apis.grpc, sockets.grpc, drain, log)
                closes.append(await stack.enter_async_context(serving_calls))
            _tell(log, "API gRPC", "gRPC", sockets.grpc)
        if sockets.internal and apis.internal is not None:
            with speaking(log, "grpc"):
                serving_peers = serving_grpc(apis.internal, sockets.internal, drain, log)
                closes.append(await stack.enter_async_context(serving_peers))
            _tell(log, "Internal gRPC", "gRPC", sockets.internal)
        closes.append(await serve(apis.main, sockets.api, http2=options.http2))
        _tell(log, "HTTP", "HTTP", sockets.api)
        if sockets.public:
            closes.append(await serve(apis.public, sockets.public))
            log.info("metadata and health are served on public port %d", sockets.public_port)
        if sockets.metrics and apis.metrics is not None:
            closes.append(await serve(apis.metrics, sockets.metrics))
            log.info("metrics server started on port %d", _port(sockets.metrics))

        def close() -> None:
            for each in closes:
                each()

        yield close


def _tell(log: SidecarLog, server: str, protocol: str, sockets: Sequence[socket.socket]) -> None:
    if isinstance(sockets[0].getsockname(), str):
        log.info("%s server listening on UNIX socket: %s", protocol, sockets[0].getsockname())
        log.info("%s server is running on a Unix Domain Socket", server)
    else:
        log.info("%s server is running on port %d", server, _port(sockets))


@contextmanager
def _api_sockets(
    options: Options, port: int, purpose: Purpose, protocol: str
) -> Iterator[Sequence[socket.socket]]:
    if options.unix_domain_socket is None:
        with listening(options.listen_addresses, port, purpose) as sockets:
            yield sockets
    else:
        folder = options.directory / options.unix_domain_socket
        with listening_at(socket_path(folder, options.app_id, protocol)) as bound:
            yield [bound]


@contextmanager
def _more_sockets(
    port: int | None, addresses: Sequence[str], purpose: Purpose
) -> Iterator[Sequence[socket.socket]]:
    if port is None:
        yield ()
        return
    with listening(addresses, port, purpose) as sockets:
        yield sockets


def _port(sockets: Sequence[socket.socket]) -> int:
    port: int = sockets[0].getsockname()[1]
    return port
