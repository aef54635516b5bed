"""Calls from app to app through the sidecars of both, over their sockets."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

from outboard.resources.component import MetadataItem
from outboard.resources.http_endpoint import HttpEndpoint
from outboard.resources.loader import Resources
from outboard.resources.resiliency import Resiliency, RetryPolicy, Target
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from support.certificates import self_signed
from support.processes import free_ports

pytestmark = pytest.mark.anyio

INVOKE = "/v1.0/invoke"
NONE = Resources()
CALLEE = f"{INVOKE}/callee/method"


class Echo:
    """Tells what it was asked; `/status/N` answers N, `/stream` answers line by line as it is allowed to."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.allowed: asyncio.Queue[bytes] = asyncio.Queue()
        self.arriving: asyncio.Queue[bytes] = asyncio.Queue()
        self.left = asyncio.Event()
        self.statuses: list[int] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        if request.path.startswith("/dapr/"):
            return web.Response(status=404)
        if request.path == "/stream":
            return await self._stream(request)
        if request.path == "/duplex":
            response = web.StreamResponse()
            await response.prepare(request)
            async for chunk in request.content.iter_any():
                await response.write(chunk.upper())
            await response.write_eof()
            return response
        if request.path == "/never":
            await self._never()
        if request.path == "/upload":
            async for chunk in request.content.iter_any():
                await self.arriving.put(chunk)
            return web.Response(text="thanks")
        self.bodies.append(await request.read())
        if request.path.startswith("/status/"):
            return web.Response(status=int(request.path.rpartition("/")[2]), text="as asked")
        status = self.statuses.pop(0) if self.statuses else 200
        told = {
            "target": request.raw_path,
            "method": request.method,
            "body": self.bodies[-1].decode("latin-1"),
        }
        return web.json_response(told, status=status, headers=[("x-two", "1"), ("x-two", "2")])

    async def _never(self) -> None:
        self.allowed.put_nowait(b"asked")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.left.set()
            raise

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            while line := await self.allowed.get():
                await response.write(line)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise
        await response.write_eof()
        return response

    @asynccontextmanager
    async def serving(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{tail:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        try:
            yield site.port
        finally:
            await runner.cleanup()


@asynccontextmanager
async def served(
    app_id: str,
    registry: Path | None,
    app_port: int = 0,
    resources: Resources = NONE,
    environment: Mapping[str, str] | None = None,
    **more: Any,
) -> AsyncIterator[httpx.AsyncClient]:
    options = Options(
        app_id, app_port=app_port, http_port=0, grpc_port=free_ports(1)[0], registry=registry, **more
    )
    sidecar = Sidecar(options, resources, environment=environment or {})
    serving = asyncio.create_task(sidecar.serve())
    await asyncio.wait((serving, asyncio.create_task(sidecar.ready())), return_when=asyncio.FIRST_COMPLETED)
    url = f"http://127.0.0.1:{sidecar.http_port}"
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
            yield client
    finally:
        sidecar.stop()
        assert await serving == 0


@asynccontextmanager
async def both(registry: Path, **of_callee: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Echo]]:
    """A client of the sidecar `caller`, which has no app, and the app `callee`."""
    app = Echo()
    async with (
        app.serving() as port,
        served("callee", registry, port, **of_callee),
        served("caller", registry) as caller,
    ):
        yield caller, app


async def test_every_verb_with_path_query_body_and_headers(tmp_path: Path) -> None:
    async with both(tmp_path) as (caller, app):
        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            answer = await caller.request(
                verb, f"{CALLEE}/a//b/../c%20d?x=1%202&y=a+b", content=b"body", headers={"x-own": "1"}
            )
            assert answer.json() == {"target": "/a/c%20d?x=1%202&y=a+b", "method": verb, "body": "body"}
            assert answer.headers.get_list("x-two") == ["1", "2"]
        asked = app.asked[-1]
    assert asked.headers["x-own"] == "1"
    assert asked.headers["dapr-caller-app-id"] == "caller"
    assert asked.headers["dapr-callee-app-id"] == "callee"
    assert "dapr-app-id" not in asked.headers


async def test_the_address_that_a_called_app_is_told(tmp_path: Path) -> None:
    app, told = Echo(), {"DAPR_HOST_IP": "10.1.2.3"}
    async with (
        app.serving() as port,
        served("callee", tmp_path, port),
        served("caller", tmp_path, environment=told) as caller,
    ):
        await caller.get(f"{CALLEE}/x", headers={"forwarded": "for=1"})
    assert app.asked[-1].headers["x-forwarded-for"] == "10.1.2.3"
    first, second = app.asked[-1].headers.getall("forwarded")
    assert (first, second.partition(";host=")[0]) == ("for=1", "for=10.1.2.3;by=10.1.2.3")


async def test_an_app_in_a_header_or_in_credentials(tmp_path: Path) -> None:
    async with both(tmp_path) as (caller, _):
        by_header = await caller.get("/orders/1?x=2", headers={"dapr-app-id": "callee"})
        by_user = await caller.get("/orders/2", auth=("dapr-app-id", "callee"))
        with_namespace = await caller.get(f"{INVOKE}/callee.default/method/orders/3")
        elsewhere = await caller.get(f"{INVOKE}/callee.other/method/orders/4")
        nobody = await caller.get(f"{INVOKE}/nobody/method/orders/5")
    assert [each.json()["target"] for each in (by_header, by_user, with_namespace, elsewhere)] == [
        "/orders/1?x=2",
        "/orders/2",
        "/orders/3",
        "/orders/4",
    ]
    assert nobody.json() == {
        "errorCode": "ERR_DIRECT_INVOKE",
        "message": "failed to invoke, id: nobody, err: no host found with the given ID",
    }


async def test_of_two_namespaces_that_which_is_named_is_called(tmp_path: Path) -> None:
    one, other = Echo(), Echo()
    async with (
        one.serving() as port,
        other.serving() as other_port,
        served("callee", tmp_path, port, namespace="one"),
        served("callee", tmp_path, other_port, namespace="other"),
        served("caller", tmp_path, namespace="one") as caller,
    ):
        for target in ("callee", "callee.other"):
            assert (await caller.get(f"{INVOKE}/{target}/method/{target}")).status_code == 200
    assert [each.path for each in one.asked if "callee" in each.path] == ["/callee"]
    assert [each.path for each in other.asked if "callee" in each.path] == ["/callee.other"]


@pytest.mark.parametrize("status", [200, 201, 204, 302, 400, 404, 409, 429, 500, 503])
async def test_the_status_of_the_app_is_passed_through(tmp_path: Path, status: int) -> None:
    async with both(tmp_path) as (caller, _):
        answer = await caller.get(f"{CALLEE}/status/{status}")
    assert (answer.status_code, answer.text) == (status, "" if status == 204 else "as asked")


async def test_an_answer_comes_as_the_app_gives_it_and_ends_when_nobody_reads_it(tmp_path: Path) -> None:
    async with both(tmp_path) as (caller, app):
        headers = {"accept": "text/event-stream"}
        async with caller.stream("GET", f"{CALLEE}/stream", headers=headers) as answer:
            lines = answer.aiter_raw()
            for line in (b"data: 1\n\n", b"data: 2\n\n"):
                app.allowed.put_nowait(line)
                assert await anext(lines) == line  # the app has not ended
        await app.left.wait()
    assert answer.headers["content-type"] == "text/event-stream"


async def test_a_request_comes_to_the_app_as_it_is_sent(tmp_path: Path) -> None:
    async with both(tmp_path) as (caller, app):
        parts: asyncio.Queue[bytes] = asyncio.Queue()

        async def body() -> AsyncIterator[bytes]:
            while part := await parts.get():
                yield part

        asking = asyncio.create_task(caller.post(f"{CALLEE}/upload", content=body()))
        for part in (b"one", b"two"):
            parts.put_nowait(part)
            assert await app.arriving.get() == part  # the client has not ended
        parts.put_nowait(b"")
        assert (await asking).text == "thanks"


async def test_an_answer_begins_before_its_request_ends(tmp_path: Path) -> None:
    async with both(tmp_path) as (caller, _):
        parts: asyncio.Queue[bytes] = asyncio.Queue()

        async def body() -> AsyncIterator[bytes]:
            while part := await parts.get():
                yield part

        for part in (b"one ", b"two ", b"three", b""):
            parts.put_nowait(part)
        answer = await caller.post(f"{CALLEE}/duplex", content=body())
    assert answer.text == "ONE TWO THREE"


@pytest.mark.parametrize("body", [b"", b"body"])
async def test_an_app_is_not_kept_by_a_client_that_has_gone(tmp_path: Path, body: bytes) -> None:
    async with both(tmp_path) as (caller, app):
        asking = asyncio.create_task(caller.post(f"{CALLEE}/never", content=body))
        assert await app.allowed.get() == b"asked"
        asking.cancel()
        await app.left.wait()


async def test_a_body_as_large_as_may_be_goes_and_a_larger_one_does_not(tmp_path: Path) -> None:
    async with both(tmp_path) as (caller, app):
        answer = await caller.post(f"{CALLEE}/x", content=b"x" * 4 * 1024 * 1024)
        too_large = await caller.post(f"{CALLEE}/x", content=b"x" * (4 * 1024 * 1024 + 2))
        streamed = await caller.post(f"{CALLEE}/x", content=_parts(5))
    assert (answer.status_code, len(app.bodies[0])) == (200, 4 * 1024 * 1024)
    for refused in (too_large, streamed):
        assert refused.status_code == 500
        assert refused.json()["message"] == "failed to invoke, id: callee, err: stream too large"


async def _parts(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1024 * 1024


async def test_tokens_are_each_sidecars_own(tmp_path: Path) -> None:
    async with both(tmp_path, api_token="api", app_api_token="app") as (caller, app):
        answer = await caller.get(f"{CALLEE}/x", headers={"dapr-api-token": "mine"})
    assert answer.status_code == 200
    assert app.asked[-1].headers.getall("dapr-api-token") == ["app"]


async def test_a_call_of_the_own_app_needs_no_register_and_adds_nothing() -> None:
    app = Echo()
    async with app.serving() as port, served("own", None, port, api_token="api") as client:
        answer = await client.get(f"{INVOKE}/own/method/x", headers={"dapr-api-token": "api"})
        refused = await client.get(f"{INVOKE}/own/method/x")
    assert (answer.status_code, refused.status_code) == (200, 401)
    assert not [name for name in app.asked[-1].headers if name.lower().startswith("dapr-")]


async def test_a_sidecar_without_an_app(tmp_path: Path) -> None:
    async with served("alone", tmp_path) as own, served("caller", tmp_path) as caller:
        answers = [await each.get(f"{INVOKE}/alone/method/x") for each in (own, caller)]
    assert [each.json()["message"].partition("err: ")[2] for each in answers] == [
        "cannot invoke local endpoint: app channel not initialized",
        "rpc error: code = Internal desc = app channel is not initialized",
    ]


async def test_an_app_that_does_not_listen_any_more(tmp_path: Path) -> None:
    app = Echo()
    async with app.serving() as port:
        pass
    async with served("caller", tmp_path) as caller:
        external = await caller.get(f"{INVOKE}/http://127.0.0.1:{port}/method/x")
    assert external.status_code == 500
    assert external.json()["message"].endswith(f"dial tcp 127.0.0.1:{port}: connect: connection refused")


async def test_a_url_is_called_without_a_sidecar_and_without_a_token(tmp_path: Path) -> None:
    app = Echo()
    async with app.serving() as port, served("caller", None, app_api_token="secret") as caller:
        answer = await caller.get(f"{INVOKE}/http://127.0.0.1:{port}/method/a/b?c=d", headers={"x": "y"})
    assert answer.json()["target"] == "/a/b?c=d"
    assert app.asked[-1].headers["x"] == "y"
    assert "dapr-api-token" not in app.asked[-1].headers


def policies(**of_callee: Any) -> Resources:
    retry = RetryPolicy(duration=0.01, max_retries=2, **of_callee)
    return Resources(resiliencies=(Resiliency(retries={"r": retry}, apps={"callee": Target(retry="r")}),))


async def test_an_app_that_answers_badly_is_called_again_with_the_same_body(tmp_path: Path) -> None:
    app = Echo()
    async with (
        app.serving() as port,
        served("callee", tmp_path, port),
        served("caller", tmp_path, resources=policies()) as caller,
    ):
        app.statuses = [500, 429]
        answer = await caller.post(f"{CALLEE}/x", content=b"again")
        app.statuses = [500] * 3
        given_up = await caller.post(f"{CALLEE}/x", content=b"in vain")
        app.statuses = [500]
        streamed = await caller.post(f"{CALLEE}/x", content=_parts(1))
    assert (answer.status_code, app.bodies[:3]) == (200, [b"again"] * 3)
    assert (given_up.status_code, given_up.json()["body"]) == (500, "in vain")
    assert streamed.status_code == 500  # nobody has its body any more


async def test_at_most_so_many_calls_at_a_time(tmp_path: Path) -> None:
    async with both(tmp_path, max_concurrency=1) as (caller, app):
        app.allowed.put_nowait(b"x")  # with which the beginning of the answer comes
        async with caller.stream("GET", f"{CALLEE}/stream") as first:
            second = asyncio.create_task(caller.get(f"{CALLEE}/x"))
            assert await anext(first.aiter_raw()) == b"x"
            assert not app.bodies
            app.allowed.put_nowait(b"")
        assert (await second).status_code == 200


def entries(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir()}


def write_dead_one(folder: Path) -> None:
    dead = json.loads(next(folder.iterdir()).read_text()) | {"app_id": "callee"}
    dead["process"] |= {"process": 2**22 + 1}
    (folder / "callee-1-2.json").write_text(json.dumps(dead))
    (folder / "callee-2-2.json").write_text("no entry")


async def test_whoever_has_ended_is_found_no_more(tmp_path: Path) -> None:
    async with served("caller", tmp_path) as caller:
        async with served("callee", tmp_path):
            assert len(entries(tmp_path)) == 2
        write_dead_one(tmp_path)
        answer = await caller.get(f"{CALLEE}/x")
        left = entries(tmp_path)
    assert answer.json()["message"].endswith("no host found with the given ID")
    assert "callee-1-2.json" not in left


async def test_whoever_begins_removes_the_dead(tmp_path: Path) -> None:
    async with served("one", tmp_path):
        write_dead_one(tmp_path)
        async with served("other", tmp_path):
            assert "callee-1-2.json" not in entries(tmp_path)


async def test_an_endpoint_that_a_resource_names() -> None:
    app = Echo()
    async with app.serving() as port:
        headers = (MetadataItem("X-Key", "k"), MetadataItem("x-none", None, env="NONE"))
        endpoint = HttpEndpoint("outside", f"http://127.0.0.1:{port}/base", headers)
        async with served("caller", None, resources=Resources(http_endpoints=(endpoint,))) as caller:
            answer = await caller.get(f"{INVOKE}/outside/method/a?b=c", headers={"x-key": "mine"})
            metadata = await caller.get("/v1.0/metadata")
    assert answer.json()["target"] == "/base/a?b=c"
    assert app.asked[-1].headers.getall("x-key") == ["k"]
    assert metadata.json()["httpEndpoints"] == [{"name": "outside"}]


async def test_an_endpoint_with_certificates_of_its_own(tmp_path: Path) -> None:
    (server, server_key), (client, client_key) = (
        self_signed(tmp_path, "server"),
        self_signed(tmp_path, "client"),
    )
    asking = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=client)
    asking.verify_mode = ssl.CERT_REQUIRED
    asking.load_cert_chain(server, server_key)
    trusted = MetadataItem("rootCA", text_of(server))
    own = (MetadataItem("certificate", text_of(client)), MetadataItem("privateKey", text_of(client_key)))
    async with Echo().serving(asking) as port:
        url = f"https://localhost:{port}"
        endpoints = (
            HttpEndpoint("known", url, tls=(trusted, *own)),
            HttpEndpoint("unknown", url, tls=(trusted,)),
            HttpEndpoint("untrusted", url),
        )
        async with served("caller", None, resources=Resources(http_endpoints=endpoints)) as caller:
            answers = [await caller.get(f"{INVOKE}/{each.name}/method/x") for each in endpoints]
    assert [each.status_code for each in answers] == [200, 500, 500]


def text_of(file: Path) -> str:
    return file.read_text(encoding="ascii")
