"""The port to an app, or to whatever has no sidecar, that is called."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from outboard.sidecar.invocation.headers import first, to_app
from outboard.sidecar.invocation.paths import request_target
from outboard.sidecar.invocation.values import AppCall, Headers, InvocationAnswer, InvocationFailed

__all__ = ["AppCaller", "GuardedApp", "HttpCall", "has_body", "http_call", "sent_headers"]

VERBS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"})
AGENT: Final = "outboard"
NOT_SENT: Final = frozenset({"expect"})
"""This sidecar has said already that it takes the body."""
UNHEALTHY: Final = "app is not in a healthy state"


class AppCaller(Protocol):
    """The way to one app, whatever protocol it speaks."""

    async def invoke(self, call: AppCall) -> InvocationAnswer:
        """Pass `call` on and wait for the beginning of the answer. Raises InvocationFailed."""
        ...


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request as it goes to an app over HTTP; `target` is its path and query."""

    verb: str
    target: str
    headers: list[tuple[str, str]]


def http_call(call: AppCall, base: str, token: str) -> HttpCall:
    """`call` as a request to what listens at `base`. Raises InvocationFailed for what makes no request."""
    if not call.verb:
        raise InvocationFailed("missing HTTP extension field", "InvalidArgument")
    if call.verb in {"NONE", "CONNECT"}:
        raise InvocationFailed("invalid HTTP verb", "InvalidArgument")
    verb = call.verb if call.verb in VERBS else "POST"
    return HttpCall(verb, request_target(base, call.method, call.query), to_app(call.headers, token=token))


def sent_headers(request: HttpCall, replacing: Headers = ()) -> list[tuple[str, str]]:
    """The headers of `request`, with `replacing` for those of the same names."""
    own = {name for name, _ in replacing} | NOT_SENT
    sent = [item for item in request.headers if item[0] not in own]
    agent = [] if first(sent, "user-agent") else [("user-agent", AGENT)]
    return [*sent, *agent, *replacing]


def has_body(request: HttpCall, call: AppCall) -> bool:
    """Whether anything is sent after the head."""
    return call.streaming or first(request.headers, "content-length") not in {"", "0"}


class GuardedApp:
    """The app beside this sidecar: not called while it is unwell, and by `slots` at a time where it has some.

    A call has its slot until its answer is read to the end, or given up.
    """

    def __init__(
        self, app: AppCaller, is_well: Callable[[], bool], slots: asyncio.Semaphore | None = None
    ) -> None:
        self._app = app
        self._is_well = is_well
        self._slots = slots

    async def invoke(self, call: AppCall) -> InvocationAnswer:
        if not self._is_well():
            raise InvocationFailed(UNHEALTHY, "Internal")
        if self._slots is None:
            return await self._app.invoke(call)
        slots = self._slots
        await slots.acquire()
        try:
            answer = await self._app.invoke(call)
        except BaseException:
            slots.release()
            raise

        async def release() -> None:
            slots.release()

        return replace(answer, body=answer.body.binding(release))
