"""One call of the gRPC API, and how a method of it is described."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError, Message
from grpc import StatusCode

from outboard.sidecar.api.grpc.errors import GrpcStatus
from outboard.wire import dapr
from outboard.wire.baggage import problem_of
from outboard.wire.tracing import TraceContext

__all__ = [
    "APP_ID",
    "EMPTY",
    "NO_METHOD",
    "NO_PROXY",
    "Call",
    "Method",
    "Send",
    "StatusRaised",
    "StreamMethod",
    "Undecodable",
    "method",
]

EMPTY: Final = Empty()
BAGGAGE: Final = "baggage"
APP_ID: Final = frozenset({dapr.APP_ID_HEADER, dapr.CALLEE_HEADER})
"""Metadata that names the app that a call is for; the texts say that there is none of them."""
NO_PROXY: Final = "cannot proxy request: missing dapr-callee-app-id or dapr-app-id metadata"
NO_METHOD: Final = "failed to proxy request: required metadata dapr-callee-app-id or dapr-app-id not found"
Asked = TypeVar("Asked", bound=Message)
Send: TypeAlias = Callable[[Message], Awaitable[None]]
"""Sends one message; not to be called again before it has returned."""


class Undecodable(ValueError):
    """The bytes of a request are no message of its type."""


class StatusRaised(Exception):
    """Ends a call with `status`."""

    def __init__(self, status: GrpcStatus) -> None:
        super().__init__(status.message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Call:
    """What a call says beside its message: the texts of its metadata, by lower-case name.

    `sent` is all of it as it came. `told` is what goes back before the answer, and `trailers` is what goes
    behind it, as metadata.
    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    sent: Sequence[tuple[str, str | bytes]] = ()
    told: list[tuple[str, str | bytes]] = field(default_factory=list)
    trailers: list[tuple[str, str | bytes]] = field(default_factory=list)

    def tell_baggage(self) -> None:
        """What the call carries goes back to the caller, too. Raises StatusRaised where it cannot be read."""
        told = ",".join(value for name, value in self.sent if name == BAGGAGE and isinstance(value, str))
        if problem := problem_of(told):
            text = f"invalid baggage header: {problem}"
            raise StatusRaised(GrpcStatus(StatusCode.INVALID_ARGUMENT, text))
        if told:
            self.told.append((BAGGAGE, told))

    @property
    def trace(self) -> TraceContext | None:
        """The trace that the call belongs to, as far as its metadata says."""
        return TraceContext.parse(self.metadata.get("traceparent"), self.metadata.get("tracestate", ""))


@dataclass(frozen=True, slots=True)
class Method:
    """`handle(bytes, call)` answers with a message, or raises ApiError, StatusRaised or Undecodable.

    `unserved` is the kind of calls that it belongs to, a phrase, where this sidecar does not serve it.
    """

    handle: Callable[[bytes, Call], Awaitable[Message]]
    unserved: str = ""


@dataclass(frozen=True, slots=True)
class StreamMethod:
    """`handle(requests, send, call)` takes a stream of requests and sends messages, until it raises ApiError.

    It raises Undecodable, too.
    """

    handle: Callable[[AsyncIterator[bytes], Send, Call], Awaitable[None]]


def method(asked: type[Asked], handle: Callable[[Asked, Call], Awaitable[Message]]) -> Method:
    """A method whose requests are of type `asked`."""

    async def decoded(data: bytes, call: Call) -> Message:
        try:
            request = asked.FromString(data)
        except DecodeError as error:
            raise Undecodable from error
        return await handle(request, call)

    return Method(decoded)
