"""One request of an HTTP/2 connection as ASGI has it, answered within the client's windows."""

from __future__ import annotations

import asyncio
import re
from collections.abc import MutableMapping
from typing import Any, Final, Protocol

from outboard.sidecar.api.http.http2.heads import Pairs, response_pairs

__all__ = ["BrokenResponse", "Carrier", "ServedStream"]

GONE: Final = {"type": "http.disconnect"}
BODILESS: Final = frozenset({204, 304})
CONTINUE: Final = [(b":status", b"100")]
CONTENT_LENGTH: Final = b"content-length"
UNFIT: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


class BrokenResponse(Exception):
    """What the application sends is no HTTP response."""


class Carrier(Protocol):
    """The connection, as its streams need it. What is written there goes out by and by."""

    @property
    def default_headers(self) -> Pairs:
        """Those that every response has."""
        ...

    def head(self, stream: ServedStream, pairs: Pairs, *, ends: bool) -> None:
        """Write the head of a response, or of an interim one."""
        ...

    def room(self, stream: ServedStream) -> int:
        """How many bytes may be written to `stream` now."""
        ...

    def data(self, stream: ServedStream, data: bytes, *, ends: bool) -> None:
        """Write a part of a body, for which there is room."""
        ...

    async def drained(self) -> None:
        """Wait until the client has read most of what was written."""
        ...

    def acknowledge(self, stream: ServedStream, counted: int) -> None:
        """So many bytes were read: as many more may come."""
        ...


class ServedStream:
    """The request of stream `number` and its response. `is_whole` says that all of the request is there."""

    def __init__(
        self, carrier: Carrier, number: int, scope: MutableMapping[str, Any], *, is_whole: bool
    ) -> None:
        self.number = number
        self.scope = scope
        self.is_whole = is_whole
        self.is_gone = False
        self.has_begun = False
        self.is_complete = False
        self._carrier = carrier
        self._is_told_whole = False
        self._body = bytearray()
        self._counted = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._is_head_only = False
        self._left: int | None = None
        self._continues = not is_whole and (b"expect", b"100-continue") in scope["headers"]

    # the connection calls these

    def came(self, data: bytes, counted: int = 0) -> None:
        """A part of the body, of which `counted` bytes are to be acknowledged."""
        self._body += data
        self._counted += counted
        self._news.set()

    def end_request(self) -> None:
        """All of the request is there."""
        self.is_whole = True
        self._news.set()

    def make_room(self) -> None:
        """There may be room to write again."""
        self._room.set()

    def leave(self) -> None:
        """The client has given up: nothing can be read or written any more."""
        self.is_gone = True
        self._news.set()
        self._room.set()

    def forget(self) -> int:
        """Drop what nobody has read: so many bytes are to be acknowledged."""
        self._body.clear()
        counted, self._counted = self._counted, 0
        return counted

    # the application calls these

    async def receive(self) -> MutableMapping[str, Any]:
        """What came of the body, once there is something; then, that the client has gone or is answered."""
        if self._continues and not self.has_begun and not self.is_gone:
            self._continues = False
            self._carrier.head(self, CONTINUE, ends=False)
        while not (self._is_over or self._body or (self.is_whole and not self._is_told_whole)):
            self._news.clear()
            await self._news.wait()
        if self._is_over:
            return dict(GONE)
        data = bytes(self._body)
        self._is_told_whole = self.is_whole
        self._carrier.acknowledge(self, self.forget())
        return {"type": "http.request", "body": data, "more_body": not self.is_whole}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Write the response; nothing happens for a client that has gone. Raises BrokenResponse."""
        if self.is_gone:
            return
        if message["type"] != ("http.response.body" if self.has_begun else "http.response.start"):
            raise BrokenResponse(f"{message['type']} out of turn")
        if self.has_begun:
            await self._write(message.get("body", b""), ends=not message.get("more_body", False))
        else:
            self._begin(message["status"], message.get("headers", ()))

    @property
    def _is_over(self) -> bool:
        return self.is_gone or self.is_complete

    def _begin(self, status: int, headers: Pairs) -> None:
        if any(UNFIT.search(value) for _, value in headers):
            raise BrokenResponse("a header with a line break or the like")
        lengths = [int(value) for name, value in headers if name.lower() == CONTENT_LENGTH]
        self._is_head_only = self.scope["method"] == "HEAD" or status in BODILESS
        self._left = None if self._is_head_only or not lengths else lengths[0]
        pairs = response_pairs(status, [*self._carrier.default_headers, *headers])
        self.has_begun = True
        self._carrier.head(self, pairs, ends=self._is_head_only)

    async def _write(self, data: bytes, *, ends: bool) -> None:
        if self.is_complete:
            raise BrokenResponse("a body behind the end of the response")
        if self._is_head_only:
            data = b""
        self._count(len(data), ends=ends)
        if not self._is_head_only and (data or ends):
            await self._write_within(memoryview(data), ends=ends)
        if ends and not self.is_gone:
            self.is_complete = True
            self._news.set()

    async def _write_within(self, rest: memoryview, *, ends: bool) -> None:
        while not self.is_gone:
            room = self._carrier.room(self)
            if rest and room <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            piece, rest = bytes(rest[:room]), rest[room:]
            self._carrier.data(self, piece, ends=ends and not rest)
            if not rest:
                break
            await self._carrier.drained()
        await self._carrier.drained()

    def _count(self, size: int, *, ends: bool) -> None:
        """A response that is shorter or longer than it says is no whole one: the client has to see that."""
        if self._left is None:
            return
        self._left -= size
        if self._left < 0 or (ends and self._left):
            raise BrokenResponse("the length of the body is not the one that the head says")
