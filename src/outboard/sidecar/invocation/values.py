"""A call of an app as values: what is asked, what is answered, and how it can fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from outboard.sidecar.resiliency.failure import Failure

__all__ = [
    "AnswerBody",
    "AnsweredBadly",
    "AppCall",
    "CallBody",
    "GrpcAnswer",
    "Headers",
    "InvocationAnswer",
    "InvocationFailed",
]

Headers: TypeAlias = Sequence[tuple[str, str]]
"""Names in lower case with their values; a name may be there several times."""

SUCCESS: Final = range(200, 400)


class CallBody:
    """The body of a request, read while it is passed on; again from its beginning if it is to be `kept`."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self.kept = False
        self._source = source
        self._read: list[bytes] = []

    async def chunks(self) -> AsyncIterator[bytes]:
        """All of it, as far as it was kept, and what still comes."""
        for chunk in tuple(self._read):
            yield chunk
        async for chunk in self._source:
            if self.kept:
                self._read.append(chunk)
            yield chunk


@dataclass(frozen=True, slots=True)
class AppCall:
    """`method` is the path without escapes, and without the first slash; `query` is as it was sent.

    `verb` is empty where the call is no request of HTTP. Of one that was made `over_grpc` the headers are its
    metadata, and binary ones are in base64.

    Of a body that is `streaming` nobody knows the length: it is passed on once and kept nowhere. `type_url`
    is that of the message that it is, where the caller tells one.
    """

    method: str
    verb: str
    query: str
    headers: Headers
    body: CallBody
    streaming: bool = False
    over_grpc: bool = False
    type_url: str = ""


class AnswerBody:
    """The body of an answer, read once. What is bound to it is let go at its end, or with `aclose`."""

    def __init__(self, source: AsyncIterator[bytes]) -> None:
        self._source = source
        self._bound: list[Callable[[], Awaitable[None]]] = []

    @classmethod
    def of(cls, data: bytes) -> AnswerBody:
        """One that is there already."""
        return cls(_once(data))

    def binding(self, let_go: Callable[[], Awaitable[None]]) -> AnswerBody:
        """This body, with one thing more to let go; the last one goes first."""
        self._bound.append(let_go)
        return self

    def __aiter__(self) -> AnswerBody:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._source)
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Give up what was not read; nothing happens the second time."""
        while self._bound:
            await self._bound.pop()()


@dataclass(frozen=True, slots=True)
class GrpcAnswer:
    """How an app that speaks gRPC ended a call: the `number` of the status, its details by type, trailers.

    Binary trailers are in base64. `content_type` and `type_url` are of the body, where the app tells them.
    """

    number: int
    message: str = ""
    details: Sequence[tuple[str, bytes]] = ()
    trailers: Headers = ()
    content_type: str = ""
    type_url: str = ""


@dataclass(frozen=True, slots=True)
class InvocationAnswer:
    """What an app answered: `status` is that of HTTP, `headers` are as the app sent them.

    `data` is the body where it is there already, and `body` is empty then. Of an app that speaks `grpc` the
    status is the one that stands for its own, and the body of what is an error tells of it.
    """

    status: int
    headers: Headers
    body: AnswerBody
    data: bytes | None = None
    grpc: GrpcAnswer | None = None

    @property
    def ok(self) -> bool:
        """Whether it is neither of 4xx nor of 5xx."""
        return self.status in SUCCESS

    @property
    def told_status(self) -> int:
        """The number that the app told: of HTTP, or, below 100, of gRPC."""
        return self.status if self.grpc is None else self.grpc.number

    async def whole(self) -> InvocationAnswer:
        """The same with a body that is there."""
        if self.data is not None:
            return self
        data = b"".join([chunk async for chunk in self.body])
        return replace(self, body=AnswerBody.of(b""), data=data)


class InvocationFailed(Failure):
    """There is no answer. `grpc` is the name of the gRPC status, where there is one, as in Go."""

    def __init__(self, reason: str, grpc: str = "") -> None:
        super().__init__(f"rpc error: code = {grpc} desc = {reason}" if grpc else reason)
        self.reason = reason
        self.grpc = grpc

    @property
    def unavailable(self) -> bool:
        """Whether nobody was reached: the same call may be tried again."""
        return self.grpc in {"Unavailable", "Unauthenticated"}


class AnsweredBadly(Failure):
    """The app answered with a status that the policies count as a failure, under `code`.

    None is of no status that they match: such a failure always is one.
    """

    def __init__(self, answer: InvocationAnswer, code: int | None) -> None:
        super().__init__(f"status code {answer.status}")
        self.code = code
        self.answer = answer


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data
