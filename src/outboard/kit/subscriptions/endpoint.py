"""A handler as FastAPI endpoint, and each run of it: a request within the request of the sidecar.

A run goes one of two ways:

    way     taken                                    comes to
    direct  where the handler takes the event alone  returns None: ENDED. Returns a status: that
            and no router has dependencies           returns a Response, or raises: goes on as served
    served  else: the route is called with a scope   returns, and 200 is answered: what it returned
            that has an `Invocation` in it           raises, and nobody catches it: the error
                                                     anything else: the HTTP status

What was called directly and then goes on as served is not called again: its `Invocation` has `ended`, which
returns or raises what it did, so that a Response's background task runs, and the app's exception handlers see
the error, as if there were no short cut. `returned` tells a handler that came to its end from an exception
handler that answered 200 for it.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar, cast

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from starlette.background import BackgroundTask
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive, Scope, Send

from outboard.kit.subscriptions.declaration import Handler
from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.kit.subscriptions.result import ENDED, HandlerRun, detail_in
from outboard.kit.subscriptions.signature import ExpectedParameter, endpoint_signature
from outboard.wire.events import Event

__all__ = [
    "AsyncHandler",
    "HandlerCall",
    "HandlerEndpoint",
    "Invocation",
    "Runner",
    "Serve",
    "current_event",
    "endpoint_of",
    "invocation_of",
    "invocation_scope",
    "needs_one_event",
    "of_one_event",
    "run_handler",
]

AsyncHandler: TypeAlias = Callable[..., Awaitable[object]]

INVOCATION: Final = "outboard.invocation"
ONE_EVENT: Final = "outboard_one_event"

Dependency = TypeVar("Dependency", bound=Callable[..., object])


@dataclass(slots=True)
class Invocation:
    """What is given to a handler, an event or a batch; the endpoint notes here that it came to its end.

    Where the handler has run already, or is not to run, `ended` returns or raises what it did. `complete`
    makes of what it returns what stands for all that came, where it is not given all. With `again`, nothing
    of this run counts, and there is another one; `runs` is how many there were, this one included.
    """

    given: object
    ended: Callable[[], object] | None = None
    complete: Callable[[object], object] | None = None
    returned: bool = False
    result: object = None
    again: bool = False
    runs: int = 1
    _guards: list[tuple[str, bool]] = field(default_factory=list)

    def guard(self, name: str, *, alone: bool) -> None:
        """Note that `name` sees to it that the run takes effect once.

        Raises RuntimeError where that, or another one, has to be `alone`: two could not end as one.
        """
        if self._guards and (alone or any(other for _, other in self._guards)):
            both = f"{self._guards[0][0]} and {name}"
            raise RuntimeError(f"a handler takes {both}: one may be committed, and the other not. Take one")
        self._guards.append((name, alone))


@dataclass(frozen=True, slots=True)
class HandlerEndpoint:
    """A handler as FastAPI calls it, and as it is called directly. If `is_bare`, it takes the event alone."""

    endpoint: Callable[..., Awaitable[Response]]
    call: AsyncHandler
    is_bare: bool


def invocation_scope(scope: Scope, invocation: Invocation) -> Scope:
    """A scope for one event: what its handler and dependencies leave there stays with that event."""
    return {**scope, "state": dict(scope.get("state", {})), INVOCATION: invocation}


def invocation_of(connection: HTTPConnection, asked: str) -> Invocation:
    """The run of a handler that `connection` is.

    Raises RuntimeError elsewhere: there is no event for `asked`.
    """
    invocation: Invocation | None = connection.scope.get(INVOCATION)
    if invocation is None:
        raise RuntimeError(f"{asked} was asked for outside of an event handler: there is no event")
    return invocation


def of_one_event(dependency: Dependency) -> Dependency:
    """Mark a dependency that handlers of batches cannot have."""
    setattr(dependency, ONE_EVENT, True)
    return dependency


def needs_one_event(dependency: object) -> bool:
    """Whether it is marked so."""
    return bool(getattr(dependency, ONE_EVENT, False))


@of_one_event
async def current_event(connection: HTTPConnection) -> Event[object]:
    """For `Depends(current_event)`: the event that is being handled, in a dependency of its handler.

    Write `event: Annotated[Event[YourModel], Depends(current_event)]`. Raises RuntimeError elsewhere, also
    for a handler of batches.
    """
    invocation = invocation_of(connection, "current_event")
    if isinstance(invocation.given, Event):
        return invocation.given
    raise RuntimeError("current_event was asked for by a handler of batches: there is no single event")


def endpoint_of(handler: Handler, place: str, takes: ExpectedParameter) -> HandlerEndpoint:
    """The endpoint that FastAPI calls: it takes the event from the scope and gives it to `handler`.

    A handler that is not a coroutine function runs in a thread, as FastAPI's own endpoints do.
    Raises HandlerUnsuitable.
    """
    view = endpoint_signature(handler, place, takes)
    call = cast("AsyncHandler", handler) if _is_async(handler) else _in_thread(handler)

    async def endpoint(**arguments: Any) -> Response:
        connection: HTTPConnection = arguments[view.connection]
        if view.is_own:
            del arguments[view.connection]
        invocation: Invocation = connection.scope[INVOCATION]
        result = invocation.ended() if invocation.ended else await call(invocation.given, **arguments)
        invocation.result = invocation.complete(result) if invocation.complete else result
        invocation.returned = True
        return result if isinstance(result, Response) else _Ended()

    endpoint.__signature__ = view.signature  # type: ignore[attr-defined]
    endpoint.__name__ = getattr(handler, "__name__", type(handler).__name__)
    return HandlerEndpoint(endpoint, call, is_bare=len(view.signature.parameters) == 1 and view.is_own)


class _Ended(Response):
    """The answer within, which nobody reads: what counts is that it comes, and what is to run behind it."""

    def __init__(self) -> None:
        self.status_code = 200
        self.background: BackgroundTask | None = None
        self.body = b""
        self.raw_headers = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if self.background is not None:
            await self.background()


def _is_async(handler: Handler) -> bool:
    function = inspect.unwrap(handler)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - whether it is called is not the question
    )


def _in_thread(handler: Handler) -> AsyncHandler:
    async def call(given: object, **arguments: Any) -> object:
        result = await run_in_threadpool(handler, given, **arguments)
        return await result if inspect.isawaitable(result) else result

    return call


Serve: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
"""The route itself: its dependencies, the handler, and the exits of the dependencies."""
RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

OF_THE_WHOLE: Final = frozenset(
    [b"content-type", b"content-length", b"transfer-encoding", b"traceparent", b"tracestate"]
)


@dataclass(frozen=True)
class Runner:
    """Runs one handler, as often as there are events in one request.

    Where `is_direct`, nothing stands between the request and the handler, so that it is called at once.
    """

    call: AsyncHandler
    scope: Scope
    serve: Serve
    body: bytes
    is_direct: bool

    @property
    def route(self) -> str:
        """The path of the request."""
        return str(self.scope["path"])

    @cached_property
    def _shared(self) -> RawHeaders:
        return [pair for pair in self.scope["headers"] if pair[0] not in OF_THE_WHOLE]

    async def run(self, given: object, part: ReceivedEvent | None = None) -> HandlerRun:
        """Let the handler run with `given`, an event or a batch of them. An error is a part of the result.

        With `part`, the request within holds only that event of this one; without, it holds all.
        """
        if not self.is_direct:
            return await self._serve(Invocation(given), part)
        try:
            result = await self.call(given)
        except SystemExit as error:
            return HandlerRun(error=_no_end(error))
        except Exception as error:
            return await self._raise_in_app(error, given, part)
        if result is None:
            return ENDED
        if isinstance(result, Response):
            return await self._serve(Invocation(given, ended=lambda: result), part)
        return HandlerRun(http_status=200, returned=True, result=result)

    async def _raise_in_app(self, error: Exception, given: object, part: ReceivedEvent | None) -> HandlerRun:
        """Let the app's exception handlers see `error`, as they would without the short cut."""
        origin = error.__traceback__

        def again() -> object:
            raise error

        run = await self._serve(Invocation(given, ended=again), part)
        error.__traceback__ = origin  # the way through the app says nothing of it
        return run

    async def _serve(self, invocation: Invocation, part: ReceivedEvent | None) -> HandlerRun:
        run = await self._serve_once(invocation, part)
        while invocation.again:
            invocation = Invocation(invocation.given, runs=invocation.runs + 1)
            run = await self._serve_once(invocation, part)
        return run

    async def _serve_once(self, invocation: Invocation, part: ReceivedEvent | None) -> HandlerRun:
        statuses: list[int] = []
        refused: list[bytes] = []

        async def receive() -> Message:
            body = self.body if part is None else part.body()
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
            elif statuses and statuses[0] >= 400:
                refused.append(message.get("body", b""))

        scope = invocation_scope(self.scope, invocation)
        if part is not None:  # the headers of the request are of the whole batch, in part
            own = [(name.encode(), value.encode()) for name, value in part.headers().items()]
            scope["headers"] = [*self._shared, *own]
        try:
            await self.serve(scope, receive, send)
        except SystemExit as error:
            return HandlerRun(error=_no_end(error))
        except Exception as error:
            return HandlerRun(error=error)
        status = statuses[0] if statuses else None
        if status == 200 and invocation.returned and invocation.result is None:
            return ENDED
        detail = detail_in(b"".join(refused)) if refused else ""
        return HandlerRun(None, status, invocation.returned, invocation.result, detail)


def _no_end(error: SystemExit) -> RuntimeError:
    """An event does not end the app: it would be delivered to the next one, and end that."""
    ended = RuntimeError(f"SystemExit({error.code!r}) was raised for an event, which does not end the app")
    ended.__cause__ = error
    return ended


class HandlerCall(NamedTuple):
    """One run of a handler, which is given `given`: the event or the list of events that were `received`.

    `runner` belongs to the request in which they came. With `part`, the run sees only that event of a bulk
    delivery; without, it sees the whole request.
    """

    runner: Runner
    given: object
    received: Sequence[ReceivedEvent]
    part: ReceivedEvent | None = None


def run_handler(call: HandlerCall) -> Awaitable[HandlerRun]:
    """Let a handler run: the last link of the chain that leads to it."""
    return call.runner.run(call.given, call.part)
