"""Whom a call of a service that the sidecar does not know is passed on to: its own app, or another sidecar.

Source: Dapr, "How-To: Invoke services using gRPC"; daprd 1.18 for metadata, statuses and what is tried again.
"""

from __future__ import annotations

import random as system_random
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from time import perf_counter
from typing import Final

import grpc.aio
from grpc import StatusCode

from outboard.sidecar.components.metadata.properties import is_truthy
from outboard.sidecar.invocation.callee import refusal
from outboard.sidecar.invocation.grpc.metadata import Pairs, first_of, to_app, to_peer
from outboard.sidecar.invocation.grpc.relay import Ended, ProxiedCall, relayed
from outboard.sidecar.invocation.paths import normalised
from outboard.sidecar.invocation.peers.caller import Peers
from outboard.sidecar.invocation.peers.status import by_go_name
from outboard.sidecar.invocation.peers.stream import Stream
from outboard.sidecar.invocation.service import NO_HOST, Reach
from outboard.sidecar.invocation.targets import AppName, app_name, is_url
from outboard.sidecar.invocation.values import InvocationFailed
from outboard.sidecar.resiliency.failure import CircuitOpen, Failure, TimedOut
from outboard.sidecar.resiliency.guard import Guard
from outboard.wire import dapr

__all__ = ["GrpcProxy"]

STREAM: Final = "dapr-stream"
"""Says that a call lasts: policies are for its beginning then."""


class GrpcProxy:
    """Passes calls on. `app` gives the channel to the app or raises InvocationFailed, `peers` other sidecars.

    Of calls to the app it `refuses` each or none; `token` is what the app is shown.
    """

    def __init__(
        self,
        me: AppName,
        reach: Reach,
        app: Callable[[], AbstractAsyncContextManager[grpc.aio.Channel]],
        peers: Callable[[], Awaitable[Peers]],
        *,
        refuses: bool,
        token: str = "",
        random: Callable[[], float] = system_random.random,
    ) -> None:
        self._me = me
        self._reach = reach
        self._app = app
        self._peers = peers
        self._refuses = refuses
        self._token = token
        self._random = random

    async def pass_on(self, call: ProxiedCall) -> Ended:
        """How it ended; its metadata name an app."""
        try:
            return await self._pass_on(call)
        except InvocationFailed as failure:
            return Ended(by_go_name(failure.grpc), failure.reason)
        except CallRefused as refused:
            return refused.ended
        except TimedOut as failure:
            return Ended(StatusCode.DEADLINE_EXCEEDED, str(failure))
        except CircuitOpen as failure:
            return Ended(StatusCode.UNKNOWN, str(failure))
        finally:
            call.close()

    async def _pass_on(self, call: ProxiedCall) -> Ended:
        """Raises InvocationFailed, TimedOut, CircuitOpen, and a refusal of those who were called."""
        target = first_of(call.metadata, dapr.CALLEE_HEADER)
        if target is None:
            target = first_of(call.metadata, dapr.APP_ID_HEADER) or ""
        if is_url(target) or (self._reach.externals and self._reach.externals.of(target)):
            raise InvocationFailed(f"{target} is no app, and nothing else is called over gRPC", "Unavailable")
        name = app_name(target, self._me.namespace)
        if name.app_id == self._me.app_id:
            return await self._to_app(call)
        await self._address(name)  # for nobody there are no policies
        guard = self._guard(call)
        if guard is None:
            return await self._to_peer(call, name)
        if _is_stream(call):
            begun = await guard.run(lambda: self._begun(call, name))
            return await self._measured(call, relayed(begun, call))
        retry = guard.policies.retry
        call.repeatable = retry is not None and retry.max_retries != 0
        return await guard.run(lambda: self._attempt(call, name))

    def _guard(self, call: ProxiedCall) -> Guard | None:
        """Policies are found by the name that a client gives, and not by that of another sidecar."""
        app_id = first_of(call.metadata, dapr.APP_ID_HEADER)
        return self._reach.guards.of(app_id, call.path) if self._reach.guards and app_id else None

    async def _to_app(self, call: ProxiedCall) -> Ended:
        method = normalised(call.path)
        if self._refuses:
            return Ended(StatusCode.PERMISSION_DENIED, refusal(method))
        async with self._app() as channel:
            opened = _opened(channel, call, to_app(call.metadata, self._token))
            return await self._measured(call, relayed(opened, call))

    async def _to_peer(self, call: ProxiedCall, name: AppName) -> Ended:
        begun = await self._begun(call, name)
        return await self._measured(call, relayed(begun, call))

    async def _measured(self, call: ProxiedCall, going: Awaitable[Ended]) -> Ended:
        """Told of under the name that a client gives; of another sidecar's call the API of that tells."""
        meters, app_id = self._reach.meters, first_of(call.metadata, dapr.APP_ID_HEADER)
        if meters is None or not app_id:
            return await going
        started, streaming = perf_counter(), _is_stream(call)
        meters.sent(app_id, streaming=streaming)
        ended = await going
        if not streaming:
            meters.answered(app_id, ended.number, perf_counter() - started)
        return ended

    async def _attempt(self, call: ProxiedCall, name: AppName) -> Ended:
        """Raises CallRefused for what policies may try again."""
        ended = await self._to_peer(call, name)
        if ended.code is StatusCode.OK:
            return ended
        raise CallRefused(ended, permanent=ended is call.problem)

    async def _begun(self, call: ProxiedCall, name: AppName) -> Stream:
        """The call at another sidecar that was reached. Raises InvocationFailed, and CallRefused for none."""
        metadata = to_peer(call.metadata, self._me.app_id, name.app_id)
        peers, last = await self._peers(), Ended(StatusCode.UNAVAILABLE)
        for _ in range(2):  # a connection that has broken is made anew
            address = await self._address(name)
            begun = _opened(peers.channel(address), call, metadata)
            try:
                await begun.wait_for_connection()
            except grpc.aio.AioRpcError as error:
                last = Ended(error.code(), error.details() or "")
                if last.code is not StatusCode.UNAVAILABLE:
                    break
                await self._forget(peers, name, address)
            else:
                return begun
        raise CallRefused(last)

    async def _forget(self, peers: Peers, name: AppName, address: str) -> None:
        if self._reach.names is not None:
            self._reach.names.forget(name)
        await peers.forget(address)

    async def _address(self, name: AppName) -> str:
        if self._reach.names is None:
            raise InvocationFailed(self._reach.unfound)
        known = await self._reach.names.find(name)
        if not known:
            raise InvocationFailed(NO_HOST)
        return known[int(self._random() * len(known))]


class CallRefused(Failure):
    """The one who was called ended a call with something else than OK: `ended`."""

    def __init__(self, ended: Ended, *, permanent: bool = False) -> None:
        super().__init__(ended.message)
        self.ended = ended
        self.permanent = permanent
        self.code = ended.number


def _is_stream(call: ProxiedCall) -> bool:
    return is_truthy(first_of(call.metadata, STREAM) or "")


def _opened(channel: grpc.aio.Channel, call: ProxiedCall, metadata: Pairs) -> Stream:
    opened: Stream = channel.stream_stream(call.path)(metadata=tuple(metadata), timeout=call.seconds_left)
    return opened
