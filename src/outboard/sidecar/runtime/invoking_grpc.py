"""The parts of calls that need the library of gRPC, each made when the first call needs it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

from outboard.sidecar.channel.protocols import GRPC_PROTOCOLS
from outboard.sidecar.grpc_library import importing_grpc
from outboard.sidecar.invocation.app import AppCaller
from outboard.sidecar.invocation.service import Reach
from outboard.sidecar.invocation.targets import AppName
from outboard.sidecar.invocation.values import AppCall, InvocationAnswer, InvocationFailed
from outboard.sidecar.runtime.options import Options

if TYPE_CHECKING:
    from outboard.sidecar.invocation.grpc.app import Channel, GrpcAppPlace
    from outboard.sidecar.invocation.grpc.proxy import GrpcProxy
    from outboard.sidecar.invocation.peers.caller import Peers

__all__ = ["GrpcInvoking"]

SECURE: Final = "grpcs"


class GrpcInvoking:
    """OtherSidecars, the way to an app that speaks gRPC, and calls that are passed on as they are."""

    def __init__(
        self, options: Options, me: AppName, reach: Reach, random: Callable[[], float], *, refuses: bool
    ) -> None:
        self._options = options
        self._me = me
        self._reach = reach
        self._random = random
        self._refuses = refuses
        self._stack = AsyncExitStack()
        self._peers: Peers | None = None
        self._opening = asyncio.Lock()
        self._place: GrpcAppPlace | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """At the end of the block connections are closed."""
        async with self._stack:
            yield

    async def invoke(self, address: str, call: AppCall) -> InvocationAnswer:
        """Raises InvocationFailed."""
        return await (self._peers or await self.peers()).invoke(address, call)

    async def forget(self, address: str) -> None:
        await (await self.peers()).forget(address)

    async def peers(self) -> Peers:
        """The connections to other sidecars."""
        async with self._opening:
            if self._peers is None:
                opened = await asyncio.to_thread(_load_peers)
                self._peers = await self._stack.enter_async_context(opened(self._options.max_body_bytes))
        return self._peers

    def app(self) -> AppCaller:
        """The app beside this sidecar, which speaks gRPC."""
        with importing_grpc():
            from outboard.sidecar.invocation.grpc.app import GrpcApp

        return GrpcApp(self._app_place(), self._options.app_api_token, self._reach.meters)

    def _app_place(self) -> GrpcAppPlace:
        from outboard.sidecar.invocation.grpc.app import GrpcAppPlace  # imported before

        options = self._options
        if self._place is None:
            secure = options.app_protocol == SECURE
            where = (options.app_channel_address, options.app_port, options.max_body_bytes)
            self._place = GrpcAppPlace(*where, secure=secure)
            self._stack.push_async_callback(self._place.aclose)
        return self._place

    def _to_app(self) -> AbstractAsyncContextManager[Channel]:
        """Raises InvocationFailed."""
        options = self._options
        if options.app_port and options.app_protocol in GRPC_PROTOCOLS:
            return self._app_place().channel()
        problem = (
            f"it speaks {options.app_protocol}, not gRPC" if options.app_port else "it has no --app-port"
        )
        raise InvocationFailed(f"the app {options.app_id} cannot be called: {problem}", "Unavailable")

    def proxy(self) -> GrpcProxy:
        """For calls of services that are not Dapr's."""
        with importing_grpc():
            from outboard.sidecar.invocation.grpc.proxy import GrpcProxy

        return GrpcProxy(
            self._me,
            self._reach,
            self._to_app,
            self.peers,
            refuses=self._refuses,
            token=self._options.app_api_token,
            random=self._random,
        )


def _load_peers() -> Callable[[int], AbstractAsyncContextManager[Peers]]:
    with importing_grpc():
        from outboard.sidecar.invocation.peers.caller import peers
    return peers
