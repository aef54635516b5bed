"""The app beside a sidecar: it keeps each request and answers as the questions say."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import h11

from conformance.http1 import closed, next_event
from conformance.question import AppAnswer, Close, Entries, Fail, Garbage, Hang, Late, Respond
from outboard.gojson.values import Json

__all__ = ["WITHOUT_BODY", "App", "Received", "entries_of"]

WITHOUT_BODY = frozenset([204, 304])


@dataclass(frozen=True, slots=True)
class Received:
    """One request that the app got; header names in lower case, in order of name."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


class App:
    """`subscribe` is its answer at `/dapr/subscribe`, `health` the status of that at `/healthz`."""

    def __init__(self, subscribe: Respond) -> None:
        self.received: list[Received] = []
        self.port = 0
        self.health = 200
        self._answers: dict[str, deque[AppAnswer]] = {"/dapr/subscribe": deque([subscribe])}
        self._more = asyncio.Condition()

    def prepare(self, answers: Mapping[str, Sequence[AppAnswer]]) -> None:
        """Answer so at these paths, once each."""
        for path, prepared in answers.items():
            self._answers.setdefault(path, deque()).extend(prepared)

    def forget(self) -> None:
        """What came up to now, and the answers that were prepared and not given."""
        self.received.clear()
        for path, prepared in self._answers.items():
            if not path.startswith("/dapr/"):
                prepared.clear()

    def forget_at(self, paths: Iterable[str]) -> None:
        """The same of these paths only."""
        unwanted = frozenset(paths)
        self.received[:] = [each for each in self.received if each.path not in unwanted]
        for path in unwanted:
            self._answers.pop(path, None)

    def at(self, paths: Iterable[str]) -> list[Received]:
        """What came to one of `paths` up to now."""
        wanted = frozenset(paths)
        return [each for each in self.received if each.path in wanted]

    async def until(self, paths: Iterable[str], count: int) -> None:
        """Wait for so many requests at `paths`."""
        wanted = frozenset(paths)
        async with self._more:
            await self._more.wait_for(lambda: len(self.at(wanted)) >= count)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Listen on a free port of loopback."""
        connections = set[asyncio.Task[None]]()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._converse(reader, writer))
            connections.add(task)
            task.add_done_callback(connections.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for task in connections:
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)
            await server.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1024 * 1024)
        try:
            with suppress(ConnectionError, h11.RemoteProtocolError):
                while (received := await _read(connection, reader)) is not None:
                    answer = await self._answer(received)
                    if not await _respond(connection, writer, received, answer):
                        return
                    if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                        return
                    connection.start_next_cycle()
        finally:
            await closed(writer)

    async def _answer(self, received: Received) -> AppAnswer:
        async with self._more:
            self.received.append(received)
            self._more.notify_all()
        prepared = self._answers.get(received.path)
        if prepared:
            return prepared.popleft()
        if received.path == "/healthz":
            return Respond(self.health)
        return Respond(404) if received.path.startswith("/dapr/") else Respond()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> Received | None:
    """The next request, None where the other side ended the connection."""
    request, body = None, bytearray()
    while True:
        event = await next_event(connection, reader)
        if isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and request is not None:
            headers = sorted(
                (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers
            )
            return Received(request.method.decode(), request.target.decode(), tuple(headers), bytes(body))
        elif isinstance(event, h11.ConnectionClosed):
            return None


async def _respond(
    connection: h11.Connection, writer: asyncio.StreamWriter, received: Received, answer: AppAnswer
) -> bool:
    """Whether the connection can be used on."""
    if isinstance(answer, Late):
        await asyncio.sleep(answer.seconds)
        answer = answer.answer
    if isinstance(answer, Hang):
        await asyncio.Event().wait()
    if isinstance(answer, Garbage):
        writer.write(answer.data)
        await writer.drain()
        await asyncio.sleep(answer.open)
    if isinstance(answer, Close | Fail | Garbage | Hang):
        return False
    response = entries_of(answer, received.body) if isinstance(answer, Entries) else answer
    body = b"" if response.status in WITHOUT_BODY else response.body
    headers = [*response.headers.items(), ("content-length", str(len(body)))]
    writer.write(connection.send(h11.Response(status_code=response.status, headers=headers)) or b"")
    if body:
        writer.write(connection.send(h11.Data(data=body)) or b"")
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    await writer.drain()
    return True


def entries_of(answer: Entries, body: bytes) -> Respond:
    """The answer to the batch in `body`."""
    entries: list[dict[str, Json]] = json.loads(body)["entries"]
    last = answer.statuses[-1:] * len(entries)
    reason = {"reason": answer.reason} if answer.reason else {}
    told = [
        {"entryId": entry["entryId"], "status": status, **reason}
        for entry, status in zip(entries, [*answer.statuses, *last], strict=False)
    ]
    told += [{"entryId": stranger, "status": "SUCCESS"} for stranger in answer.strangers]
    return Respond(200, json.dumps({"statuses": told}).encode(), {"content-type": "application/json"})
