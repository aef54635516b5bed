"""What one sidecar listens on, and its APIs served there.

The library of gRPC binds its addresses by itself. So they are bound here first, to see that they are free and
who has them if not, and let go.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from outboard.errors import PortTaken
from outboard.sidecar.api.http.app import Api
from outboard.sidecar.api.http.server import serving
from outboard.sidecar.logs import SidecarLog, speaking
from outboard.sidecar.runtime.apis import Apis
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sockets import Purpose, listening
from outboard.sidecar.runtime.unixsocket import listening_at, socket_path
from outboard.wire.dapr import DEFAULT_GRPC_PORT

if TYPE_CHECKING:
    from outboard.sidecar.api.grpc.api import GrpcApi

__all__ = ["Listening", "addresses_of", "listening_for", "serving_all"]

HTTP_PORT: Final = Purpose("the Dapr HTTP API", "--dapr-http-port")
GRPC_PORT: Final = Purpose("the Dapr gRPC API", "--dapr-grpc-port")
PUBLIC_PORT: Final = Purpose("metadata and health", "--dapr-public-port")
SERVER: Final = "http"
METRICS_PORT: Final = Purpose("the metrics", "--metrics-port")


@dataclass(frozen=True, slots=True)
class Listening:
    """Sockets that are bound. `http_port` is 0 where the API is at a Unix domain socket.

    `grpc` are addresses that are free, as the library names them; none where the API is not to be served.
    """

    api: Sequence[socket.socket]
    public: Sequence[socket.socket]
    metrics: Sequence[socket.socket]
    http_port: int
    grpc: Sequence[str] = ()

    @property
    def public_port(self) -> int:
        """0 where there is none."""
        return _port(self.public) if self.public else 0


@contextmanager
def listening_for(options: Options, log: SidecarLog, *, has_grpc: bool) -> Iterator[Listening]:
    """Raises PortTaken, and CommandError where it is not possible to listen."""
    grpc = _grpc_addresses(options, log) if has_grpc else ()
    given = (options.public_port, options.public_addresses)
    measured = (options.metrics_port, options.metrics_addresses)
    with (
        _api_sockets(options) as api,
        _more_sockets(*given, PUBLIC_PORT) as public,
        _more_sockets(*measured, METRICS_PORT) as metrics,
    ):
        yield Listening(api, public, metrics, 0 if options.unix_domain_socket else _port(api), grpc)


@asynccontextmanager
async def serving_all(
    sockets: Listening, apis: Apis, drain: float | None, log: SidecarLog
) -> AsyncIterator[Callable[[], None]]:
    """Serve each API where it has sockets; at the end requests in hand get `drain` seconds.

    Yields what to call to take no further requests, before the block ends.
    """
    async with AsyncExitStack() as stack:

        async def serve(api: Api, bound: Sequence[socket.socket]) -> Callable[[], None]:
            with speaking(log, SERVER):
                return await stack.enter_async_context(serving(api, bound, drain))

        closes = []
        if sockets.grpc and apis.grpc is not None:
            closes.append(await stack.enter_async_context(_serving_grpc(apis.grpc, sockets.grpc, drain)))
            log.info("API gRPC server is running on %s", " and ".join(sockets.grpc))
        closes.append(await serve(apis.main, sockets.api))
        if sockets.http_port:
            log.info("HTTP server is running on port %d", sockets.http_port)
        else:
            log.info("HTTP server listening on UNIX socket: %s", sockets.api[0].getsockname())
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


def _serving_grpc(
    api: GrpcApi, addresses: Sequence[str], drain: float | None
) -> AbstractAsyncContextManager[Callable[[], None]]:
    from outboard.sidecar.api.grpc.server import serving as serving_grpc  # an extra

    return serving_grpc(api, addresses, drain)


def _grpc_addresses(options: Options, log: SidecarLog) -> Sequence[str]:
    """Free ones. Of a port that nobody has chosen it is no mistake that somebody has it: then there are none.

    Raises PortTaken, CommandError.
    """
    if options.unix_domain_socket is not None:
        path = socket_path(options.directory / options.unix_domain_socket, options.app_id, "grpc")
        with listening_at(path):
            return [f"unix:{path.absolute()}"]
    try:
        with listening(options.listen_addresses, options.grpc_port, GRPC_PORT) as sockets:
            return addresses_of(sockets)
    except PortTaken as taken:
        if options.grpc_port != DEFAULT_GRPC_PORT:
            raise
        log.warning("the gRPC API is not served: %s", taken)
        return ()


def addresses_of(sockets: Sequence[socket.socket]) -> Sequence[str]:
    """As the library of gRPC names them; its `[::]` is every address of the machine, of both families."""
    names = [(str(each.getsockname()[0]), _port([each])) for each in sockets]
    every = any(host == "::" for host, _ in names)
    return [
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        for host, port in names
        if not (every and host == "0.0.0.0")
    ]


@contextmanager
def _api_sockets(options: Options) -> Iterator[Sequence[socket.socket]]:
    if options.unix_domain_socket is None:
        with listening(options.listen_addresses, options.http_port, HTTP_PORT) as sockets:
            yield sockets
    else:
        folder = options.directory / options.unix_domain_socket
        with listening_at(socket_path(folder, options.app_id)) as bound:
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
