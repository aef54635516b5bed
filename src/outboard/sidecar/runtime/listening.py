"""What one sidecar listens on, and its APIs served there."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Final

from outboard.sidecar.api.http.app import Api
from outboard.sidecar.api.http.server import serving
from outboard.sidecar.logs import SidecarLog, speaking
from outboard.sidecar.runtime.apis import Apis
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sockets import Purpose, listening
from outboard.sidecar.runtime.unixsocket import listening_at, socket_path

__all__ = ["Listening", "listening_for", "serving_all"]

HTTP_PORT: Final = Purpose("the Dapr HTTP API", "--dapr-http-port")
PUBLIC_PORT: Final = Purpose("metadata and health", "--dapr-public-port")
SERVER: Final = "http"
METRICS_PORT: Final = Purpose("the metrics", "--metrics-port")


@dataclass(frozen=True, slots=True)
class Listening:
    """Sockets that are bound. `http_port` is 0 where the API is at a Unix domain socket."""

    api: Sequence[socket.socket]
    public: Sequence[socket.socket]
    metrics: Sequence[socket.socket]
    http_port: int

    @property
    def public_port(self) -> int:
        """0 where there is none."""
        return _port(self.public) if self.public else 0


@contextmanager
def listening_for(options: Options) -> Iterator[Listening]:
    """Raises PortTaken, and CommandError where it is not possible to listen."""
    given = (options.public_port, options.public_addresses)
    measured = (options.metrics_port, options.metrics_addresses)
    with (
        _api_sockets(options) as api,
        _more_sockets(*given, PUBLIC_PORT) as public,
        _more_sockets(*measured, METRICS_PORT) as metrics,
    ):
        yield Listening(api, public, metrics, 0 if options.unix_domain_socket else _port(api))


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

        closes = [await serve(apis.main, sockets.api)]
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
