"""Calls of an app over HTTP/2 without TLS: daprd to daprd, ours to ours, and each to the other."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest
from anyio.from_thread import BlockingPortal

from conformance.h2c_app import body_of, serving_h2c
from conformance.pairs_of_sidecars import CALLEE, CALLER, Pair, all_pairs, pairs
from conformance.sidecars import Program
from outboard.asgi import Receive, Scope, Send

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(300)]

INVOKE = "/v1.0/invoke"
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


class H2cMirror:
    """An app that answers each request with what it got; `status`, `headers` and `body` say how.

    At /stream it sends the second half of its answer when it may: `goes_on`.
    """

    def __init__(self) -> None:
        self.port = 0
        self.plain()

    def plain(self) -> None:
        self.status = 200
        self.headers: Sequence[tuple[str, str]] = ()
        self.body: bytes | None = None
        self.goes_on = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        async with serving_h2c(self) as self.port:
            yield

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        got = await body_of(receive)
        headers = [("content-type", "application/json"), *self.headers]
        encoded = [(name.encode(), value.encode()) for name, value in headers]
        await send({"type": "http.response.start", "status": self.status, "headers": encoded})
        if scope["path"] == "/stream":
            await send({"type": "http.response.body", "body": b"first", "more_body": True})
            await self.goes_on.wait()
            await send({"type": "http.response.body", "body": b"second"})
            return
        told = {
            "http": scope["http_version"],
            "method": scope["method"],
            "target": scope["raw_path"].decode() + "?" + scope["query_string"].decode(),
            "headers": [[name.decode(), value.decode("latin-1")] for name, value in scope["headers"]],
            "body": got.decode("latin-1"),
        }
        without = self.status in {204, 304} or scope["method"] == "HEAD"
        content = json.dumps(told).encode() if self.body is None else self.body
        await send({"type": "http.response.body", "body": b"" if without else content})


H2cPair = Pair[H2cMirror]


@pytest.fixture(scope="module")
def running(
    portal: BlockingPortal, programs: tuple[Program, Program], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[H2cPair]]:
    app, folder = portal.call(made), tmp_path_factory.mktemp("h2c")
    starting = pairs(all_pairs(programs), folder, app, flags=["--app-protocol=h2c"])
    with (
        portal.wrap_async_context_manager(app.serving()),
        portal.wrap_async_context_manager(starting) as ready,
    ):
        yield ready


async def made() -> H2cMirror:
    return H2cMirror()


@pytest.fixture(autouse=True)
def plain(running: list[H2cPair]) -> Iterator[None]:
    yield
    running[0].app.plain()


def same(
    portal: BlockingPortal, running: Sequence[H2cPair], method: str, target: str, body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> tuple[object, ...]:  # fmt: skip
    """What all of them answer."""
    answers = {pair.name: portal.call(pair.ask, method, target, body, headers or {}) for pair in running}
    for name, answer in answers.items():
        assert answer == answers["daprd-daprd"], f"{name}: {method} {target}"
    return answers["daprd-daprd"]


HEADERS = {
    "content-type": "a/b", "accept": "x", "x-a": "1", "traceparent": TRACE, "tracestate": "a=b",
    "cookie": "c", "baggage": "a=b", "some-bin": "AAE=", "user-agent": "me", "via": "1",
    "te": "trailers", "keep-alive": "1", "grpc-a": "1", "proxy-connection": "close", "dapr-mine": "2",
    "authorization": "secret",
}  # fmt: skip
REQUESTS: Sequence[tuple[str, str, bytes, Mapping[str, str]]] = [
    ("GET", "a/b?x=1&y=%20", b"", {}),
    ("HEAD", "x", b"", {}),
    ("OPTIONS", "x", b"", {"accept": "text/event-stream"}),
    ("POST", "a/../b", b"body", HEADERS),
    ("PUT", "", b"\xff", {}),
    ("DELETE", "a%2Fb", b"x", {"content-type": "a/b"}),
    ("PATCH", "x", b"x" * 1_000_000, {}),
    ("POST", "x", b"", {}),
]


@pytest.mark.parametrize("app", [CALLEE, CALLER])
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: f"{each[0]} {each[1]}")
def test_requests(
    portal: BlockingPortal,
    running: list[H2cPair],
    request_: tuple[str, str, bytes, Mapping[str, str]],
    app: str,
) -> None:
    method, path, body, headers = request_
    status, _, told = same(portal, running, method, f"{INVOKE}/{app}/method/{path}", body, headers)
    assert status == 200
    assert method == "HEAD" or (isinstance(told, dict) and told["http"] == "2")


ANSWERS: Sequence[tuple[int, Sequence[tuple[str, str]], bytes | None]] = [
    *((status, (), None) for status in (201, 202, 204, 299, 301, 304, 400, 403, 404, 422, 429, 500, 599)),
    (200, (("x-a", "1"), ("x-a", "2"), ("set-cookie", "a=b"), ("cache-control", "no-store")), b""),
    (200, (("traceparent", TRACE), ("via", "1"), ("server", "mine"), ("content-length", "4")), b"body"),
    (200, (), b"y" * 9_000_000),
]  # fmt: skip


@pytest.mark.parametrize("app", [CALLEE, CALLER])
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda each: f"{each[0]} {len(each[1])} {len(each[2] or '')}")
def test_answers(
    portal: BlockingPortal,
    running: list[H2cPair],
    answer: tuple[int, Sequence[tuple[str, str]], bytes | None],
    app: str,
) -> None:
    running[0].app.status, running[0].app.headers, running[0].app.body = answer
    same(portal, running, "GET", f"{INVOKE}/{app}/method/x")


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_an_answer_is_passed_on_as_it_comes(
    portal: BlockingPortal, running: list[H2cPair], version: str
) -> None:
    for pair in running:
        for app in (CALLER, CALLEE):
            seen = (version, b"first", b"second")
            assert (pair.name, *portal.call(streamed, pair, app, version)) == (pair.name, *seen)


async def streamed(pair: H2cPair, app: str, version: str) -> tuple[str, bytes, bytes]:
    """The app sends its second half when the first one is here."""
    pair.app.goes_on.clear()
    url = f"http://127.0.0.1:{pair.caller.port}{INVOKE}/{app}/method/stream"
    spoken = httpx.AsyncClient(trust_env=False, http1=version == "HTTP/1.1", http2=version == "HTTP/2")
    async with spoken as client, client.stream("GET", url) as response:
        chunks = response.aiter_bytes()
        first = await anext(chunks)
        pair.app.goes_on.set()
        return response.http_version, first, b"".join([chunk async for chunk in chunks])
