"""HTTP to apps and to what has no sidecar, of which the library is imported when the first call needs it.

Source: Dapr, "How-To: Invoke Non-Dapr Endpoints using HTTP"; daprd 1.18.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outboard.sidecar.invocation.app import AppCaller
from outboard.sidecar.invocation.metered import MeteredApp
from outboard.sidecar.invocation.targets import is_url
from outboard.sidecar.invocation.values import AppCall, Headers, InvocationAnswer
from outboard.sidecar.metrics.meters import Meters

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Outgoing", "WithoutSidecar", "outgoing"]


@asynccontextmanager
async def outgoing(meters: Meters | None = None) -> AsyncIterator[Outgoing]:
    """The clients, while the block runs; their calls are told to `meters`."""
    async with AsyncExitStack() as stack:
        yield Outgoing(stack, meters)


class Outgoing:
    """Makes ways to apps over HTTP. Those with the same `tls` share their connections."""

    def __init__(self, stack: AsyncExitStack, meters: Meters | None = None) -> None:
        self._stack = stack
        self._meters = meters
        self._sessions: dict[ssl.SSLContext | bool, aiohttp.ClientSession] = {}
        self._opening = asyncio.Lock()

    def app(
        self, base: str, token: str = "", headers: Headers = (), tls: ssl.SSLContext | bool = True
    ) -> AppCaller:
        """The way to what listens at `base`; `tls` True verifies as usual, False not at all."""
        app = _LazyApp(self, base, token, headers, tls)
        return app if self._meters is None else MeteredApp(app, self._meters)

    def h2c_app(self, host: str, port: int, base: str, token: str = "") -> AppCaller:
        """The way to the app at `port` of `host` over HTTP/2 without TLS. It needs the extra `h2c`."""
        app = _LazyH2cApp(self._stack, host, port, base, token)
        return app if self._meters is None else MeteredApp(app, self._meters)

    async def session(self, tls: ssl.SSLContext | bool) -> aiohttp.ClientSession:
        """The one for `tls`, made now or before."""
        from outboard.sidecar.invocation.http_app import http_session

        async with self._opening:
            if tls not in self._sessions:
                self._sessions[tls] = await self._stack.enter_async_context(http_session(tls))
        return self._sessions[tls]


@dataclass(frozen=True, slots=True)
class _LazyApp:
    outgoing: Outgoing
    base: str
    token: str
    headers: Headers
    tls: ssl.SSLContext | bool

    async def invoke(self, call: AppCall) -> InvocationAnswer:
        from outboard.sidecar.invocation.http_app import HttpApp

        session = await self.outgoing.session(self.tls)
        return await HttpApp(session, self.base, self.token, self.headers).invoke(call)


class _LazyH2cApp:
    def __init__(self, stack: AsyncExitStack, host: str, port: int, base: str, token: str) -> None:
        self._stack = stack
        self._where = host, port
        self._base, self._token = base, token
        self._app: AppCaller | None = None

    async def invoke(self, call: AppCall) -> InvocationAnswer:
        if self._app is None:
            from outboard.sidecar.channel.h2c import H2cConnections
            from outboard.sidecar.invocation.h2c_app import H2cApp

            connections = H2cConnections(*self._where)
            self._stack.callback(connections.close)
            self._app = H2cApp(connections, self._base, self._token)
        return await self._app.invoke(call)


@dataclass(frozen=True, slots=True)
class WithoutSidecar:
    """Externals: the `endpoints` of HTTPEndpoint resources by name, and any URL."""

    outgoing: Outgoing
    endpoints: Mapping[str, AppCaller]

    def of(self, target: str) -> AppCaller | None:
        if is_url(target):
            return self.outgoing.app(target)  # without the app's token, which is for nobody else
        return self.endpoints.get(target)
