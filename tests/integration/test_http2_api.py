"""HTTP/2 without TLS on the port of the API: streams, windows, limits, and the end of a connection."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from outboard.asgi import Receive, Scope, Send
from outboard.resources.loader import Resources
from outboard.sidecar.api.http.app import Api
from outboard.sidecar.api.http.http2 import connection
from outboard.sidecar.api.http.server import serving
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from support.http2_client import Http2Client, http2_client, upgraded

pytestmark = pytest.mark.anyio

PATIENCE = 30.0
LARGE = 300_000
HEAD_LIMIT = 2_000
OPEN_WIDE = {SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20}


@dataclass
class Served:
    """An application that answers as its `answer` says, of requests that it keeps."""

    answer: Callable[[Served, Scope, Receive, Send], Awaitable[None]]
    max_body_bytes: int = 1_000_000
    max_head_bytes: int = HEAD_LIMIT
    max_header_list_bytes: int = HEAD_LIMIT
    scopes: list[Scope] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    close: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self.begun.set()
        await self.answer(self, scope, receive, send)


async def say(
    send: Send, status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None
) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def read(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        assert message["type"] == "http.request"
        body += message["body"]
        more = message["more_body"]
    return body


async def echo(served: Served, scope: Scope, receive: Receive, send: Send) -> None:
    body = await read(receive)
    served.bodies.append(body)
    await say(send, 200, body, {"content-length": str(len(body)), "connection": "keep-alive", "X-Mine": "1"})


async def wait(served: Served, scope: Scope, receive: Receive, send: Send) -> None:
    await served.goes_on.wait()
    await say(send, 200, b"late")


async def until_left(served: Served, scope: Scope, receive: Receive, send: Send) -> None:
    await read(receive)
    assert (await receive())["type"] == "http.disconnect"
    served.left.set()


@asynccontextmanager
async def served_by(app: Served, drain: float | None = PATIENCE) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with (
            asyncio.timeout(PATIENCE),
            serving(cast("Api", app), [listener], drain, http2=True) as app.close,
        ):
            yield port


@asynccontextmanager
async def asked(app: Served, settings: dict[SettingCodes, int] | None = None) -> AsyncIterator[Http2Client]:
    async with served_by(app) as port, http2_client(port, settings) as client:
        yield client


async def test_a_request_is_told_as_asgi_has_it() -> None:
    app = Served(echo)
    async with asked(app) as client:
        headers = [("x-a", "1"), ("cookie", "a=b"), ("cookie", "c=d")]
        answer = await client.whole("PUT", "/a%20b/c?d=%20e", headers, b"body", authority="here:1")
    (scope,) = app.scopes
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("PUT", "/a b/c", b"/a%20b/c")
    assert (scope["query_string"], scope["http_version"]) == (b"d=%20e", "2")
    assert scope["headers"] == [
        (b"host", b"here:1"), (b"x-a", b"1"), (b"cookie", b"a=b; c=d"), (b"transfer-encoding", b"chunked"),
    ]  # fmt: skip
    assert (answer.status, answer.body, answer.header("x-mine")) == (200, b"body", "1")
    assert answer.header("connection") is None
    assert answer.header("date")


async def test_many_requests_are_answered_at_a_time_in_any_order() -> None:
    events = [asyncio.Event() for _ in range(3)]

    async def in_turn(served: Served, scope: Scope, receive: Receive, send: Send) -> None:
        number = int(scope["path"][1:])
        await events[number].wait()
        await say(send, 200, scope["path"].encode())

    async with asked(Served(in_turn)) as client:
        numbers = [client.ask("GET", f"/{each}") for each in range(3)]
        for each in (2, 0, 1):
            events[each].set()
            assert (await client.over(numbers[each])).body == f"/{each}".encode()


async def test_large_bodies_go_both_ways_through_small_windows() -> None:
    body = bytes(range(256)) * (LARGE // 64)
    async with asked(Served(echo)) as client:
        number = client.ask("POST", "/", ends=False)
        other = client.ask("POST", "/", ends=False)
        await client.send(number, body, ends=False)
        await client.send(other, b"meanwhile")
        assert (await client.over(other)).body == b"meanwhile"
        await client.send(number, b"", ends=True)
        assert (await client.over(number)).body == body


async def test_a_client_that_does_not_read_holds_up_only_its_own_stream() -> None:
    async with asked(Served(echo), OPEN_WIDE) as client:
        client.h2.increment_flow_control_window(1 << 24)
        client.flush()
        client.reading = False
        number = client.ask("POST", "/", ends=False)
        await client.send(number, b"x" * (3 << 20))
        await client.until(lambda: len(client.taken[number].body) == 1 << 20)
        assert (await client.whole("POST", "/", body=b"another")).body == b"another"
        assert not client.taken[number].is_over
        client.h2.increment_flow_control_window(1 << 22, number)
        client.flush()
        assert len((await client.over(number)).body) == 3 << 20


async def test_a_body_that_nobody_reads_does_not_hold_up_others() -> None:
    async def refuse_first(served: Served, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/unread":
            await served.goes_on.wait()
            return await say(send, 413)
        return await echo(served, scope, receive, send)

    app = Served(refuse_first)
    async with asked(app) as client:
        stuck = client.ask("POST", "/unread", ends=False)
        client.h2.send_data(stuck, b"x" * 16_000)
        client.flush()
        assert (await client.whole("POST", "/", body=b"y" * LARGE)).body == b"y" * LARGE
        app.goes_on.set()
        taken = await client.over(stuck)
        assert taken.status == 413
        await client.until(lambda: taken.reset is not None)
        assert taken.reset == ErrorCodes.NO_ERROR  # the rest of the body is not asked for
        assert (await client.whole("POST", "/", body=b"z" * LARGE)).body == b"z" * LARGE


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_an_answer_without_a_body(method: str, status: int) -> None:
    async def answer(served: Served, scope: Scope, receive: Receive, send: Send) -> None:
        await say(send, status, b"", {"content-length": "5"} if method == "HEAD" else None)

    async with asked(Served(answer)) as client:
        taken = await client.whole(method, "/")
        assert (taken.status, taken.body, taken.ended) == (status, b"", True)
        assert taken.header("content-length") == ("5" if method == "HEAD" else None)


async def test_an_answer_is_sent_as_it_comes() -> None:
    async def stream(served: Served, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await served.begun.wait()
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await served.goes_on.wait()
        await send({"type": "http.response.body", "body": b"second"})

    app = Served(stream)
    async with asked(app) as client:
        number = client.ask("GET", "/")
        taken = client.taken[number]
        await client.until(lambda: taken.body == b"first")
        assert (taken.status, taken.ended) == (200, False)
        app.goes_on.set()
        assert (await client.over(number)).body == b"firstsecond"


async def test_the_head_of_an_answer_does_not_wait_for_its_body() -> None:
    async def stream(served: Served, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await served.goes_on.wait()
        await send({"type": "http.response.body", "body": b""})

    app = Served(stream)
    async with asked(app) as client:
        number = client.ask("GET", "/")
        await client.until(lambda: client.taken[number].status == 201)
        app.goes_on.set()
        assert (await client.over(number)).ended


async def test_who_expects_to_be_asked_for_a_body_is() -> None:
    async with asked(Served(echo)) as client:
        number = client.ask("POST", "/", [("expect", "100-continue")], ends=False)
        await client.until(lambda: client.taken[number].interim == 100)
        await client.send(number, b"body")
        assert (await client.over(number)).body == b"body"


async def test_an_application_sees_that_a_request_was_given_up() -> None:
    app = Served(until_left)
    async with asked(app) as client:
        number = client.ask("GET", "/")
        await app.begun.wait()
        client.h2.reset_stream(number, ErrorCodes.CANCEL)
        client.flush()
        await app.left.wait()
        app.answer = echo
        assert (await client.whole("GET", "/")).status == 200


async def test_and_that_its_connection_has_ended() -> None:
    app = Served(until_left)
    async with served_by(app) as port:
        async with http2_client(port) as client:
            client.ask("GET", "/")
            await app.begun.wait()
        await app.left.wait()


async def test_an_application_that_fails_is_answered_for() -> None:
    async def fail(served: Served, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/begun":
            await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/short":
            return await say(send, 200, b"x", {"content-length": "2"})
        if scope["path"] == "/header":
            return await say(send, 200, b"x", {"x-a": "a\r\nb: c"})
        raise RuntimeError("it fails")

    async with asked(Served(fail)) as client:
        for path in ("/", "/header"):
            assert (await client.whole("GET", path)).status == 500
        for path in ("/begun", "/short"):
            assert (await client.whole("GET", path)).reset == ErrorCodes.INTERNAL_ERROR


async def test_a_request_too_many_is_refused_alone() -> None:
    app = Served(wait)
    async with asked(app, OPEN_WIDE) as client:
        client.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 1_000
        client.h2.remote_settings.acknowledge()
        numbers = [client.ask("GET", "/") for _ in range(connection.STREAMS + 1)]
        assert (await client.over(numbers[-1])).reset == ErrorCodes.REFUSED_STREAM
        app.goes_on.set()
        for number in numbers[:-1]:
            assert (await client.over(number)).body == b"late"
        assert (await client.whole("GET", "/")).body == b"late"


async def test_who_makes_requests_only_to_give_them_up_loses_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Served(wait)
    async with served_by(app) as port, http2_client(port) as client:
        await client.until(lambda: client.h2.remote_settings.max_concurrent_streams == connection.STREAMS)
        with pytest.raises((EOFError, ConnectionError)):
            for _ in range(connection.STREAMS + connection.REFUSALS + 1):
                number = client.ask("GET", "/")
                client.h2.reset_stream(number, ErrorCodes.CANCEL)
                client.flush()
                await client.writer.drain()
            await client.until(lambda: False)
        assert "a client gives up requests as quickly as it makes them" in caplog.text
        assert len(app.scopes) == connection.STREAMS
        app.goes_on.set()
        async with http2_client(port) as another:
            assert (await another.whole("GET", "/")).body == b"late"


async def test_a_head_that_is_too_large_is_refused_and_one_far_too_large_ends_the_connection() -> None:
    app = Served(echo)
    async with asked(app) as client:
        assert (await client.whole("GET", "/", [("x-a", "y" * (HEAD_LIMIT - 400))])).status == 200
        assert (await client.whole("GET", "/", [("x-a", "y" * HEAD_LIMIT)])).status == 431
        assert (await client.whole("POST", "/", [("x-a", "y" * HEAD_LIMIT)], b"x")).status == 431
        assert (await client.whole("GET", "/")).status == 200
        client.ask("GET", "/", [("x-a", "y" * 3 * HEAD_LIMIT)])
        await client.closed()
        assert client.terminated is not None
        assert client.terminated.error_code == ErrorCodes.ENHANCE_YOUR_CALM
    assert len(app.scopes) == 2


@pytest.mark.parametrize("target", ["no-slash", "/a b", "/%zz", "/\x7f", "/a\xe9"])
async def test_a_target_that_is_none_is_refused_alone(target: str) -> None:
    app = Served(echo)
    async with asked(app) as client:
        client.h2.config.validate_outbound_headers = False
        assert (await client.whole("GET", target)).reset == ErrorCodes.PROTOCOL_ERROR
        assert (await client.whole("GET", "/?a=%zz")).status == 200
    assert len(app.scopes) == 1


async def test_a_line_break_in_a_header_ends_the_connection() -> None:
    app = Served(echo)
    async with asked(app) as client:
        client.h2.config.validate_outbound_headers = False
        client.h2.config.normalize_outbound_headers = False
        client.ask("GET", "/", [("x-a", "1\r\ncontent-length: 5")])
        await client.closed()
    assert client.terminated is not None
    assert (client.terminated.error_code, app.scopes) == (ErrorCodes.PROTOCOL_ERROR, [])


async def test_the_end_of_the_server_waits_for_requests_in_hand_and_takes_no_more() -> None:
    app = Served(wait)
    async with served_by(app) as port, http2_client(port) as idle, http2_client(port) as client:
        number = client.ask("GET", "/")
        await app.begun.wait()
        await idle.until(lambda: idle.h2.remote_settings.max_concurrent_streams == connection.STREAMS)
        app.close()
        await idle.closed()
        assert idle.terminated is not None
        assert (idle.terminated.error_code, idle.terminated.last_stream_id) == (ErrorCodes.NO_ERROR, 0)
        client.keeps_streams = True
        await client.until(lambda: client.ends_at is not None)
        refused = client.ask("GET", "/")
        assert (await client.over(refused)).reset == ErrorCodes.REFUSED_STREAM
        app.goes_on.set()
        assert (await client.over(number)).body == b"late"
        await client.closed()
    assert (client.ends_at, client.is_closed, len(app.scopes)) == (number, True, 1)


async def test_a_client_that_goes_away_gets_its_answers() -> None:
    app = Served(wait)
    async with asked(app) as client:
        number = client.ask("GET", "/")
        await app.begun.wait()
        client.writer.write(bytes([0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))
        await client.writer.drain()
        app.goes_on.set()
        assert (await client.over(number)).body == b"late"
        await client.closed()
        assert client.is_closed


async def test_the_beginning_may_come_byte_by_byte() -> None:
    async with served_by(Served(echo)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        client = Http2Client(reader, writer)
        client.h2.initiate_connection()
        for each in client.h2.data_to_send():
            writer.write(bytes([each]))
            await writer.drain()
            await asyncio.sleep(0)
        assert (await client.whole("POST", "/", body=b"x")).body == b"x"
        writer.close()


async def test_so_may_that_of_http1() -> None:
    async with served_by(Served(echo)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for each in b"PUT / HTTP/1.1\r\n\r\n":
            writer.write(bytes([each]))
            await writer.drain()
            await asyncio.sleep(0)
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()


async def test_who_says_nothing_behind_the_preface_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SETTINGS_SECONDS", 0.05)
    async with served_by(Served(echo)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        await reader.read()
        async with http2_client(port) as client:
            assert (await client.whole("GET", "/")).status == 200
        writer.close()


HEAD = b"POST /a?b=c HTTP/1.1\r\nhost: localhost\r\nx-a: 1"


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        (b"", b""),
        (b"\r\ncontent-length: 0", b""),
        (b"\r\ncontent-length: 5", b"value"),
        (b"\r\ntransfer-encoding: chunked", b"2\r\nva\r\n3\r\nlue\r\n0\r\n\r\n"),
    ],
    ids=["none", "empty", "with a length", "in chunks"],
)
async def test_a_request_of_http1_is_answered_in_http2(framing: bytes, body: bytes) -> None:
    app = Served(echo)
    async with served_by(app) as port, upgraded(port, HEAD + framing, body) as (client, told):
        assert told == b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
        assert client is not None
        taken = await client.over(1)
        assert (taken.status, taken.body) == (200, b"value" if body else b"")
        assert (await client.whole("POST", "/", body=b"more")).body == b"more"
    first = app.scopes[0]
    assert (first["method"], first["path"], first["query_string"]) == ("POST", "/a", b"b=c")
    assert first["http_version"] == "2"
    names = {name for name, _ in first["headers"]}
    assert {b"host", b"x-a"} <= names and not {b"connection", b"upgrade", b"http2-settings"} & names


async def test_so_is_one_on_a_connection_that_was_used_before() -> None:
    async with served_by(Served(echo)) as port:
        before = b"POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\n\r\nx"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(before)
        await reader.readuntil(b"\r\n\r\nx")
        writer.write(
            HEAD + b"\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: \r\n\r\n"
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 101")
        writer.close()


async def test_a_body_that_is_awaited_is_asked_for_before_the_upgrade() -> None:
    async with served_by(Served(echo)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        offer = b"\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAIAAAAA\r\n"
        writer.write(HEAD + b"\r\ncontent-length: 5\r\nexpect: 100-continue" + offer + b"\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"value")
        assert (await reader.readline()).startswith(b"HTTP/1.1 101")
        writer.close()


async def test_of_a_body_that_is_too_long_no_more_is_kept_than_shows_it() -> None:
    app = Served(echo, max_body_bytes=10)
    body = b"x" * 1_000
    async with (
        served_by(app) as port,
        upgraded(port, HEAD + b"\r\ncontent-length: 1000", body) as (client, _),
    ):
        assert client is not None
        assert (await client.over(1)).status == 200
    assert app.bodies == [b"x" * 12]


@pytest.mark.parametrize(
    ("offer", "status"),
    [
        (b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: !!!", b"500"),
        (b"connection: upgrade, http2-settings\r\nupgrade: h2c", b"500"),
        (b"connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAIAAAAA", b"200"),
        (b"connection: upgrade, http2-settings\r\nupgrade: websocket\r\nhttp2-settings: AAIAAAAA", b"200"),
    ],
)
async def test_what_is_no_offer_is_answered_in_http1(offer: bytes, status: bytes) -> None:
    async with served_by(Served(echo)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"\r\n" + offer + b"\r\n\r\n")
        assert (await reader.readline()).split(b" ")[1] == status
        writer.close()


async def test_settings_that_there_are_not_end_the_connection() -> None:
    app = Served(echo)
    async with served_by(app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        offer = b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAIAAAAF"
        writer.write(HEAD + b"\r\n" + offer + b"\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 101")
        writer.close()
    assert not app.scopes


async def test_a_sidecar_speaks_it_on_the_port_of_the_api_alone(caplog: pytest.LogCaptureFixture) -> None:
    options = Options("api", http_port=0, grpc_port=0, public_port=0, max_body_bytes=100)
    sidecar = Sidecar(options, Resources())
    serving_it = asyncio.create_task(sidecar.serve())
    async with asyncio.timeout(PATIENCE):
        await sidecar.ready()
        async with http2_client(sidecar.http_port) as client:
            assert (await client.whole("PUT", "/v1.0/metadata/key", body=b"value")).status == 204
            told = json.loads((await client.whole("GET", "/v1.0/metadata")).body)
            assert told["extended"]["key"] == "value"
            assert (await client.whole("GET", "/v1.0/healthz", authority="evil.test")).status == 403
            assert (await client.whole("PUT", "/v1.0/metadata/key", body=b"x" * 101)).status == 400
        async with http2_client(sidecar.public_port) as client:
            await client.closed()
            assert client.terminated is not None
            assert client.terminated.error_code == ErrorCodes.HTTP_1_1_REQUIRED
        async with upgraded(sidecar.public_port, b"GET /v1.0/healthz HTTP/1.1\r\nhost: localhost") as (
            _,
            head,
        ):
            assert head.startswith(b"HTTP/1.1 204")
        sidecar.stop()
        assert await serving_it == 0
    assert "pip install" not in caplog.text


async def test_a_sidecar_that_is_told_so_speaks_http1_alone() -> None:
    options = Options("api", http_port=0, grpc_port=0, http2=False)
    sidecar = Sidecar(options, Resources())
    serving_it = asyncio.create_task(sidecar.serve())
    async with asyncio.timeout(PATIENCE):
        await sidecar.ready()
        async with http2_client(sidecar.http_port) as client:
            await client.closed()
            assert client.terminated is not None
            assert client.terminated.error_code == ErrorCodes.HTTP_1_1_REQUIRED
        offer = b"GET /v1.0/healthz HTTP/1.1\r\nhost: localhost"
        async with upgraded(sidecar.http_port, offer) as (_, head):
            assert head.startswith(b"HTTP/1.1 204")
        sidecar.stop()
        assert await serving_it == 0
