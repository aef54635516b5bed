"""The sidecar's own HTTP client against apps that answer by the byte."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from outboard.sidecar.channel import exchange as channel
from outboard.sidecar.channel.exchange import exchange_with
from outboard.sidecar.channel.http1 import LONGEST_HEAD, MOST_HEADERS, request_head
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

pytestmark = pytest.mark.anyio

EVENT = Request("POST", "/t", {"content-type": "application/json"}, b"{}")
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class App:
    """Sends each of `answers` for one request; None closes the connection instead."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []
        self.connections = 0
        self.asked, self.closed = asyncio.Event(), asyncio.Event()
        self.pieces: Callable[[bytes], list[bytes]] = lambda answer: [answer]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            self.closed.set()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or b"0")
        self.requests.append(head + await reader.readexactly(length))
        self.asked.set()
        answer = self.answers.pop(0) if self.answers else OK
        if answer is None:
            return False
        for piece in self.pieces(answer):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        return b"close" not in answer


@asynccontextmanager
async def beside(app: App, limit: int = 100) -> AsyncIterator[Exchange]:
    server = await asyncio.start_server(app.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, exchange_with(f"http://127.0.0.1:{port}", limit) as exchange:
        yield exchange


async def answered(app: App, request: Request = EVENT) -> Response:
    async with asyncio.timeout(30), beside(app) as exchange:
        return await exchange(request, None)


async def failed(app: App) -> ExchangeFailed:
    with pytest.raises(ExchangeFailed) as caught:
        await answered(app)
    return caught.value


async def test_a_request_goes_out_whole_and_its_answer_comes_back() -> None:
    app = App(b"HTTP/1.1 201 Created\r\nX-Name: v\r\ncontent-length: 5\r\n\r\nthere")
    assert await answered(app) == Response(201, {"x-name": "v", "content-length": "5"}, b"there")
    head, _, body = app.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /t HTTP/1.1"
    assert {b"content-type: application/json", b"content-length: 2"} < set(lines)
    assert body == b"{}"


async def test_a_connection_is_used_again_and_as_many_are_made_as_are_needed() -> None:
    app = App()
    async with beside(app) as exchange:
        for _ in range(3):
            await exchange(EVENT, None)
        assert app.connections == 1
        await asyncio.gather(*(exchange(EVENT, None) for _ in range(4)))
        assert app.connections == 4


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabcde",
        b"HTTP/1.1 200 OK\ncontent-length: 5\n\nabcde",
    ],
)
@pytest.mark.parametrize("by_the_byte", [False, True])
async def test_the_ways_to_say_how_long_a_body_is(answer: bytes, by_the_byte: bool) -> None:
    app = App(answer)
    if by_the_byte:
        app.pieces = lambda answer: [answer[n : n + 1] for n in range(len(answer))]
    async with beside(app) as exchange:
        assert (await exchange(EVENT, None)).body == b"abcde"
        assert (await exchange(EVENT, None)).body == b"ok"
        assert app.connections == 1


async def test_a_body_may_end_with_its_connection() -> None:
    response = await answered(App(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it"))
    assert response.body == b"all of it"


async def test_of_a_body_that_is_cut_short_what_there_is_counts() -> None:
    response = await answered(App(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 100\r\n\r\npart"))
    assert (response.status, response.body) == (200, b"part")


async def test_of_a_body_that_makes_no_sense_too() -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    app = App(chunked + b"2\r\nok\r\nzz\r\nclose", OK)
    async with beside(app) as exchange:
        assert (await exchange(EVENT, None)).body == b"ok"
        assert (await exchange(EVENT, None)).body == b"ok"
        assert app.connections == 2


async def test_what_comes_after_an_answer_is_not_the_next_one() -> None:
    app = App(OK + b"HTTP/1.1 500 Forged\r\ncontent-length: 0\r\n\r\n", OK)
    async with beside(app) as exchange:
        assert (await exchange(EVENT, None)).status == 200
        await app.closed.wait()
        assert (await exchange(EVENT, None)).status == 200
        assert app.connections == 2


async def test_a_connection_that_switches_protocols_is_not_used_again() -> None:
    app = App(b"HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n", OK)
    async with beside(app) as exchange:
        assert (await exchange(EVENT, None)).status == 101
        assert (await exchange(EVENT, None)).status == 200
        assert app.connections == 2


@pytest.mark.parametrize(
    "answer", [b"what?\r\n\r\nclose", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\nclose", b"\x00close"]
)
async def test_what_is_no_answer_fails(answer: bytes) -> None:
    assert "not an HTTP response" in (await failed(App(answer))).reason


async def test_a_connection_that_closes_without_an_answer_fails_and_says_if_it_had_lain_idle() -> None:
    fresh = await failed(App(None))
    assert (fresh.sent, fresh.dropped) == (True, False)
    app = App(OK, None)
    async with beside(app) as exchange:
        await exchange(EVENT, None)
        with pytest.raises(ExchangeFailed) as caught:
            await exchange(EVENT, None)
    assert caught.value.dropped


async def test_an_app_that_is_away_was_sent_nothing() -> None:
    server = await asyncio.start_server(App().serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with exchange_with(f"http://127.0.0.1:{port}", 100) as exchange:
        with pytest.raises(ExchangeFailed) as caught:
            await exchange(EVENT, None)
    assert not caught.value.sent


async def test_of_a_flood_so_much_is_kept_and_the_rest_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "LONGEST_ANSWER", 1_000)
    app = App(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n" + b"x" * 1_000_000)
    assert (await answered(app)).body == b"x" * 1_000


@pytest.mark.parametrize(
    "headers", [b"a: b\0c\r\n", b"".join(b"h%d: x\r\n" % number for number in range(MOST_HEADERS + 1))]
)
async def test_headers_that_daprd_takes_for_none_fail(headers: bytes) -> None:
    app = App(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n" + headers + b"connection: close\r\n\r\n")
    assert "not an HTTP response" in (await failed(app)).reason


@pytest.mark.parametrize(
    ("packed", "body"),
    [
        (gzip.compress(b"x" * 50, mtime=0), b"x" * 50),
        (b"not gzip", b""),
        (gzip.compress(b"y" * 50, mtime=0)[:-9], b"y" * 50),
    ],
    ids=["packed", "not packed", "broken off"],
)
async def test_an_answer_may_be_packed(packed: bytes, body: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    response = await answered(app := App(head + packed))
    assert response.body == body
    assert b"accept-encoding: gzip" in app.requests[0]


async def test_a_packed_answer_is_not_unpacked_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "LONGEST_ANSWER", 1_000)
    packed = gzip.compress(b"x" * 1_000_000)[:900]
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(packed)
    assert (await answered(App(head + packed))).body == b"x" * 1_000


@pytest.mark.parametrize("line", [b"HTTP/1.1 200 OK\r\nx: y\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_a_head_without_an_end_fails(line: bytes) -> None:
    app = App(line + (b"x: y\r\n" if b"200" in line else line) * LONGEST_HEAD + b"x: close\r\n")
    assert "too long" in (await failed(app)).reason


async def test_an_answer_takes_no_longer_than_it_may_and_its_connection_is_closed() -> None:
    app = App(b"HTTP/1.1 200 OK\r\n")
    async with beside(app) as exchange:
        with pytest.raises(ExchangeFailed, match="context deadline exceeded"):
            await exchange(EVENT, 0.01)
        await asyncio.wait_for(app.closed.wait(), 30)


async def test_a_call_that_is_cancelled_closes_its_connection() -> None:
    app = App(b"HTTP/1.1 200 OK\r\n")
    async with beside(app) as exchange:
        call: Awaitable[Response] = exchange(EVENT, None)
        task = asyncio.ensure_future(call)
        await app.asked.wait()
        task.cancel()
        await asyncio.wait_for(app.closed.wait(), 30)


async def test_an_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "KEEP_ALIVE", 0.01)
    app = App()
    async with beside(app) as exchange:
        await exchange(EVENT, None)
        await asyncio.wait_for(app.closed.wait(), 30)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/t\r\nx: y", {}),
        ("/t", {"x": "a\r\nb"}),
        ("/t", {"x\n": "a"}),
        ("/t", {"x": "\0"}),
        ("/t", {"x": "\ud800"}),
    ],
)
def test_nothing_can_be_smuggled_into_a_head(target: str, headers: dict[str, str]) -> None:
    with pytest.raises(ExchangeFailed) as caught:
        request_head(Request("POST", target, headers), "localhost")
    assert not caught.value.sent


def test_text_beyond_ascii_goes_as_utf_8() -> None:
    assert "x: ä\r\n".encode() in request_head(Request("GET", "/", {"x": "ä"}), "localhost")
