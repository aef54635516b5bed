"""Calling apps: this sidecar's own, those of other sidecars, and what has no sidecar.

Source: Dapr, "Service invocation overview"; daprd 1.18 for what is tried again, and for the errors.
"""

from __future__ import annotations

import asyncio
import random as system_random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Final, Protocol

from outboard.sidecar.errors import ApiError
from outboard.sidecar.invocation.app import AppCaller
from outboard.sidecar.invocation.guards import AppGuards
from outboard.sidecar.invocation.headers import Forwarder, as_event_stream, called, is_event_stream
from outboard.sidecar.invocation.paths import normalised
from outboard.sidecar.invocation.targets import AppName, app_name
from outboard.sidecar.invocation.values import (
    AnswerBody,
    AnsweredBadly,
    AppCall,
    InvocationAnswer,
    InvocationFailed,
)
from outboard.sidecar.metrics.call_meters import CallMeters
from outboard.sidecar.resiliency.failure import Failure
from outboard.sidecar.resiliency.guard import Guard
from outboard.wire import dapr

__all__ = ["NO_HOST", "Externals", "Finder", "InvocationService", "NotInvoked", "OtherSidecars", "Reach"]

NO_CHANNEL: Final = "cannot invoke local endpoint: app channel not initialized"
NO_HOST: Final = "no host found with the given ID"
TIMED_OUT: Final = "context deadline exceeded"


class Finder(Protocol):
    """Where the sidecars of apps are."""

    async def find(self, name: AppName) -> Sequence[str]:
        """The addresses of all that serve this app. Raises InvocationFailed where nobody can tell."""
        ...

    def forget(self, name: AppName) -> None:
        """Somebody of those was not there: look again the next time."""
        ...


class OtherSidecars(Protocol):
    """The way to other sidecars."""

    async def invoke(self, address: str, call: AppCall) -> InvocationAnswer:
        """Make `call` at the sidecar at `address`. Raises InvocationFailed."""
        ...

    async def forget(self, address: str) -> None:
        """Nobody answers at `address`: make a new connection the next time."""
        ...


class Externals(Protocol):
    """What has no sidecar."""

    def of(self, target: str) -> AppCaller | None:
        """The way to `target`, the name of an HTTPEndpoint or a URL; None where it is neither."""
        ...


@dataclass(slots=True)
class Reach:
    """Whom this sidecar reaches; filled when it starts. Each is None where there is none of it.

    `unfound` is what is said of another app where nobody can be asked for it.
    """

    app: AppCaller | None = None
    names: Finder | None = None
    others: OtherSidecars | None = None
    externals: Externals | None = None
    guards: AppGuards | None = None
    forwarder: Forwarder = field(default_factory=Forwarder)
    meters: CallMeters | None = None
    unfound: str = NO_HOST


class NotInvoked(ApiError):
    """The app `target` was not asked, or did not answer; `failure` is why."""

    def __init__(self, target: str, failure: Failure) -> None:
        denied = isinstance(failure, InvocationFailed) and failure.grpc == "PermissionDenied"
        message = f"failed to invoke, id: {target}, err: {failure}"
        super().__init__(403 if denied else 500, dapr.ErrorCode.DIRECT_INVOKE, message)
        self.failure = failure


def _failed_over_http(answer: InvocationAnswer) -> AnsweredBadly | None:
    """The status that an app over gRPC ended with is no failure, as daprd has it."""
    return AnsweredBadly(answer, answer.status) if answer.grpc is None and not answer.ok else None


class InvocationService:
    """Calls of the app `me`, by `reach`. `random` gives numbers from 0 to below 1."""

    def __init__(self, me: AppName, reach: Reach, random: Callable[[], float] = system_random.random) -> None:
        self._me = me
        self._reach = reach
        self._random = random

    async def invoke(
        self,
        target: str,
        call: AppCall,
        failed: Callable[[InvocationAnswer], AnsweredBadly | None] = _failed_over_http,
    ) -> InvocationAnswer:
        """The answer of `target` to `call`, whatever its status. Raises NotInvoked where there is none.

        `failed` says which answers policies count as failures.
        """
        guards = self._reach.guards
        if guards is None:
            raise ApiError(500, dapr.ErrorCode.DIRECT_INVOKE, "invoke API is not ready")
        guard = guards.of(target, call.method)
        call.body.kept = not call.streaming and guard.policies.retry is not None
        try:
            return await guard.run(lambda: self._attempt(target, call, guard, failed))
        except AnsweredBadly as bad:
            return bad.answer
        except Failure as failure:
            raise NotInvoked(target, failure) from failure

    async def _attempt(
        self,
        target: str,
        call: AppCall,
        guard: Guard,
        failed: Callable[[InvocationAnswer], AnsweredBadly | None],
    ) -> InvocationAnswer:
        """Raises a Failure, one that is permanent where the body of the request is gone."""
        started = asyncio.get_running_loop().time()
        try:
            answer = await self._sent(target, call)
            bad = failed(answer)
            if bad is not None:
                bad.answer = answer if call.streaming else await answer.whole()
                raise bad
        except Failure as failure:
            failure.permanent = call.streaming
            raise
        timeout = guard.policies.timeout
        if timeout is None or timeout <= 0:
            return answer
        body = AnswerBody(_until(started + timeout, answer.body)).binding(answer.body.aclose)
        return replace(answer, body=body)

    async def _sent(self, target: str, call: AppCall) -> InvocationAnswer:
        call = replace(call, method=normalised(call.method))
        externals = self._reach.externals
        external = None if externals is None else externals.of(target)
        if external is not None:
            found = external
            return await self._reaching(target, call, lambda: self._told(target, found.invoke(call)))
        name = app_name(target, self._me.namespace)
        if name == self._me:
            return await self._own(call)
        return await self._reaching(name.app_id, call, self._peer(name, call))

    async def _own(self, call: AppCall) -> InvocationAnswer:
        if self._reach.app is None:
            raise InvocationFailed(NO_CHANNEL)
        return await self._reach.app.invoke(call)

    def _peer(self, name: AppName, call: AppCall) -> Callable[[], Awaitable[InvocationAnswer]]:
        """Attempts, each at another sidecar of the app if those before were not reached."""
        me, silent = self._me, set[str]()
        headers = called(call.headers, me.app_id, me.namespace, name.app_id, self._reach.forwarder)

        async def attempt() -> InvocationAnswer:
            if self._reach.names is None or self._reach.others is None:
                raise InvocationFailed(self._reach.unfound)
            known = await self._reach.names.find(name)
            if not known:
                raise InvocationFailed(NO_HOST)
            choice = [address for address in known if address not in silent] or list(known)
            address = choice[int(self._random() * len(choice))]
            try:
                going = self._reach.others.invoke(address, replace(call, headers=headers))
                return _answered(await self._told(name.app_id, going), call)
            except InvocationFailed as failure:
                if failure.unavailable:
                    silent.add(address)
                    self._reach.names.forget(name)
                    await self._reach.others.forget(address)
                raise

        return attempt

    async def _told(self, app_id: str, going: Awaitable[InvocationAnswer]) -> InvocationAnswer:
        """`going` is a call to another app, which is measured."""
        meters, started = self._reach.meters, perf_counter()
        if meters is None:
            return await going
        meters.sent(app_id)
        answer = await going
        meters.answered(app_id, answer.told_status, perf_counter() - started)
        return answer

    async def _reaching(
        self, app_id: str, call: AppCall, attempt: Callable[[], Awaitable[InvocationAnswer]]
    ) -> InvocationAnswer:
        """Attempts until somebody is reached, where no policy is about the app. Raises InvocationFailed."""
        guard = None if self._reach.guards is None else self._reach.guards.unreached(app_id)
        if guard is None or call.streaming:
            return await attempt()
        call.body.kept, failures = True, 0

        async def reached() -> InvocationAnswer | InvocationFailed:
            nonlocal failures
            try:
                return await attempt()
            except InvocationFailed as failure:
                if not failure.unavailable:
                    return failure  # another attempt would end in the same way
                failures += 1
                told = f"failed to invoke target {app_id} after {failures - 1} retries. Error: {failure}"
                raise InvocationFailed(told) from failure

        outcome = await guard.run(reached)
        if isinstance(outcome, InvocationFailed):
            raise outcome
        return outcome


def _answered(answer: InvocationAnswer, call: AppCall) -> InvocationAnswer:
    if answer.ok and is_event_stream(call.headers):
        return replace(answer, headers=as_event_stream(answer.headers))
    return answer


async def _until(deadline: float, body: AnswerBody) -> AsyncIterator[bytes]:
    """`body` as long as the policy's time lasts. Raises InvocationFailed behind it."""
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                chunk = await anext(body, None)
        except TimeoutError as error:
            raise InvocationFailed(TIMED_OUT) from error
        if chunk is None:
            return
        yield chunk
