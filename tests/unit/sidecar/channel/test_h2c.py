"""The sidecar's own client of HTTP/2 against apps that answer frame by frame."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from outboard.sidecar.channel import exchange as channel
from outboard.sidecar.channel.h2c import H2cConnections, h2c_connections, h2c_exchange_with
from outboard.wire.http import Exchange, ExchangeFailed, Request, Response
from support.h2c import Conversation, H2cServer
from support.processes import free_ports

pytestmark = pytest.mark.anyio

EVENT = Request("POST", "/t?a=b", {"content-type": "application/json"}, b"{}")


@asynccontextmanager
async def beside(server: H2cServer) -> AsyncIterator[Exchange]:
    async with (
        asyncio.timeout(30),
        server.serving() as port,
        h2c_exchange_with("127.0.0.1", port, 100) as exchange,
    ):
        yield exchange


@asynccontextmanager
async def reached(server: H2cServer) -> AsyncIterator[H2cConnections]:
    async with (
        asyncio.timeout(30),
        server.serving() as port,
        h2c_connections("127.0.0.1", port) as connections,
    ):
        yield connections


async def failed(server: H2cServer, request: Request = EVENT) -> ExchangeFailed:
    async with beside(server) as exchange:
        with pytest.raises(ExchangeFailed) as caught:
            await exchange(request, None)
    return caught.value


async def test_a_request_goes_out_whole_and_its_answer_comes_back() -> None:
    server = H2cServer(lambda there, stream: there.answer(stream, 201, b"there", {"x-name": "v"}))
    async with beside(server) as exchange:
        assert await exchange(EVENT, None) == Response(201, {"x-name": "v"}, b"there")
    (there,) = server.conversations
    head = there.requests[1]
    assert (head[":method"], head[":path"], head[":scheme"]) == ("POST", "/t?a=b", "http")
    assert (head["content-type"], head["content-length"], there.bodies[1]) == ("application/json", "2", b"{}")


async def test_a_packed_answer_is_unpacked() -> None:
    packed = gzip.compress(b"text")
    server = H2cServer(lambda there, stream: there.answer(stream, 200, packed, {"content-encoding": "gzip"}))
    async with beside(server) as exchange:
        assert (await exchange(EVENT, None)).body == b"text"


async def test_many_requests_share_a_connection() -> None:
    server = H2cServer()
    async with beside(server) as exchange:
        answers = await asyncio.gather(*(exchange(EVENT, None) for _ in range(50)))
    assert {answer.status for answer in answers} == {200}
    assert len(server.conversations) == 1


async def test_more_than_the_app_takes_at_a_time_go_over_another_connection() -> None:
    both = asyncio.Barrier(2)

    def answering(there: Conversation, stream: int) -> None:
        async def once_there_are_two() -> None:
            await both.wait()
            there.answer(stream)

        waiting.append(asyncio.create_task(once_there_are_two()))

    waiting: list[asyncio.Task[None]] = []
    server = H2cServer(settings={SettingCodes.MAX_CONCURRENT_STREAMS: 1})
    async with beside(server) as exchange:
        await exchange(EVENT, None)  # by now the app has told
        server.answering = answering
        await asyncio.gather(exchange(EVENT, None), exchange(EVENT, None))
    assert len(server.conversations) == 2


async def test_what_is_larger_than_the_windows_goes_through() -> None:
    server = H2cServer(
        lambda there, stream: there.answer(stream, 200, str(len(there.bodies[stream])).encode())
    )
    async with beside(server) as exchange:
        assert (await exchange(Request("POST", "/", body=b"x" * 5_000_000), None)).body == b"5000000"


async def test_an_app_that_takes_no_more_ends_what_it_has() -> None:
    """RFC 9113, 6.8: streams up to the number in GOAWAY go on. In one segment, as a server sends it."""

    def answering(there: Conversation, stream: int) -> None:
        head_of_goaway = b"\0\0\x08\x07\0\0\0\0\0"
        there.transport.write(head_of_goaway + stream.to_bytes(4, "big") + b"\0\0\0\0")
        there.answer(stream)

    server = H2cServer(answering)
    async with beside(server) as exchange:
        for _ in range(2):
            assert (await exchange(EVENT, None)).status == 200
    assert len(server.conversations) == 2


async def test_what_the_app_certainly_did_not_read_is_asked_again() -> None:
    def answering(there: Conversation, stream: int) -> None:
        if stream == 1:
            there.h2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)
        else:
            there.answer(stream)

    async with beside(H2cServer(answering)) as exchange:
        assert (await exchange(EVENT, None)).status == 200


async def test_a_reset_is_told_as_go_tells_it_and_is_not_repeated() -> None:
    server = H2cServer(lambda there, stream: there.h2.reset_stream(stream, ErrorCodes.INTERNAL_ERROR))
    failure = await failed(server)
    assert failure.reason == "stream error: stream ID 1; INTERNAL_ERROR; received from peer"
    assert failure.sent
    assert len(server.conversations[0].requests) == 1


async def test_a_connection_that_the_app_closed_is_not_used_again() -> None:
    server = H2cServer()
    async with beside(server) as exchange:
        await exchange(EVENT, None)
        server.conversations[0].transport.close()
        await server.lost.wait()
        for _ in range(10):
            await asyncio.sleep(0)  # so that the client, in the same loop, hears of it
        assert (await exchange(EVENT, None)).status == 200
    assert len(server.conversations) == 2


async def test_a_connection_that_lay_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outboard.sidecar.channel.h2c.KEEP_ALIVE", -1.0)
    server = H2cServer()
    async with beside(server) as exchange:
        await exchange(EVENT, None)
        await exchange(EVENT, None)
    assert len(server.conversations) == 2
    assert channel.KEEP_ALIVE > 0


async def test_a_connection_that_breaks_is_an_error() -> None:
    server = H2cServer(lambda there, stream: there.transport.abort())
    reason = (await failed(server)).reason
    assert reason == "the connection was closed" or reason.startswith("ConnectionResetError: ")


async def test_an_app_that_speaks_http_1_is_named() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, h2c_exchange_with("127.0.0.1", port, 100) as exchange:
        with pytest.raises(ExchangeFailed) as caught:
            await exchange(EVENT, 30)
    assert caught.value.reason == "it answers in HTTP/1.1, not in HTTP/2"


async def test_nobody_listens() -> None:
    (port,) = free_ports(1)
    async with h2c_exchange_with("127.0.0.1", port, 100) as exchange:
        with pytest.raises(ExchangeFailed) as caught:
            await exchange(EVENT, 30)
    assert caught.value.reason == f"dial tcp 127.0.0.1:{port}: connect: connection refused"
    assert not caught.value.sent


async def test_out_of_time_and_the_stream_is_given_up() -> None:
    server = H2cServer(lambda there, stream: None)
    async with beside(server) as exchange:
        with pytest.raises(ExchangeFailed, match="context deadline exceeded"):
            await exchange(EVENT, 0.05)
        server.answering = Conversation.answer
        assert (await exchange(EVENT, None)).status == 200  # on the same connection
    assert len(server.conversations) == 1


@pytest.mark.parametrize("value", ["a\r\nb: c", "\0", "\ud800"])
async def test_what_cannot_stand_in_a_head_is_not_sent(value: str) -> None:
    server = H2cServer()
    failure = await failed(server, Request("POST", "/", {"x": value}))
    assert not failure.sent
    assert all(not each.requests for each in server.conversations)


async def test_a_body_comes_while_the_request_is_still_sent() -> None:
    goes_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        await goes_on.wait()
        yield b"second"

    server = H2cServer(lambda there, stream: there.h2.send_data(stream, b"ok", end_stream=True))
    async with reached(server) as connections:
        asking = asyncio.create_task(connections.request("POST", "/", [], body()))
        await server.came.wait()
        there = server.conversations[0]
        there.h2.send_headers(1, [(":status", "200")])
        there.flush()
        stream = await asking
        goes_on.set()
        assert b"".join([chunk async for chunk in stream.chunks()]) == b"ok"
        stream.close()
    assert there.bodies[1] == b"firstsecond"


async def test_what_reading_the_body_raises_reaches_who_asked() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        raise LookupError("the caller has left")

    async with reached(H2cServer()) as connections:
        with pytest.raises(LookupError, match="the caller has left"):
            await connections.request("POST", "/", [], body())
