"""gRPC beside HTTP, on daprd and on our sidecar, in turn: publishing, state, and events to an app.

    python benchmarks/over_grpc.py --daprd PATH [WAY ...] [--seconds 3] [--rounds 3] [--profile FOLDER]

Each WAY is one client against a sidecar of its own, with in-memory components. The figures to trust are the
ratios of a round: what ours does in a second by what daprd does, and by what a bare server of the same
library does that answers with nothing: that is the most there could be. `--profile` writes what our sidecar
spends its time on, a file a way, for `python -m pstats`. The SDK is Dapr's, as a service uses it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import aiohttp
import grpc
import psutil
from aiohttp import web
from dapr.aio.clients import DaprClient as AsyncDaprClient
from dapr.clients import DaprClient
from dapr.conf import settings
from dapr.proto.runtime.v1 import pubsub_pb2
from dapr.proto.runtime.v1.appcallback_pb2 import ListTopicSubscriptionsResponse, TopicSubscription
from dapr.proto.runtime.v1.dapr_pb2_grpc import DaprStub
from measuring import ask, cpu_of, free_port, print_machine, process, wait_until

PUBSUB: Final = "kafka-pubsub"
STORE: Final = "statestore"
JSON: Final = "application/json"
DATA: Final = b'{"id": 17, "text": "buy milk, bread and a large bag of flour"}'
COMPONENTS: Final = {
    "pubsub.yaml": (PUBSUB, "pubsub.in-memory"),
    "state.yaml": (STORE, "state.in-memory"),
}
COMPONENT: Final = (
    "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: {}}}\nspec: {{type: {}, version: v1}}\n"
)
Count = Callable[[], None]
Client = Callable[[int, int, Count, float], Coroutine[object, object, None]]
"""Calls the sidecar at its HTTP and its gRPC port until the deadline, and counts what was answered."""


def while_time(deadline: float) -> bool:
    return time.perf_counter() < deadline


async def side_by_side(
    many: int, one: Callable[[], Awaitable[object]], count: Count, deadline: float
) -> None:
    async def worker() -> None:
        while while_time(deadline):
            await one()
            count()

    await asyncio.gather(*(worker() for _ in range(many)))


async def http_publish(http: int, _: int, count: Count, deadline: float) -> None:
    url = f"http://127.0.0.1:{http}/v1.0/publish/{PUBSUB}/nobody"
    async with aiohttp.ClientSession() as session:

        async def one() -> None:
            async with session.post(url, data=DATA, headers={"content-type": JSON}) as answer:
                assert answer.status == 204

        await side_by_side(64, one, count, deadline)


async def stub_publish(_: int, port: int, count: Count, deadline: float) -> None:
    request = pubsub_pb2.PublishEventRequest(
        pubsub_name=PUBSUB, topic="nobody", data=DATA, data_content_type=JSON
    )
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = DaprStub(channel)  # type: ignore[no-untyped-call]
        await side_by_side(64, lambda: stub.PublishEvent(request), count, deadline)


async def sdk_publish(_: int, port: int, count: Count, deadline: float) -> None:
    async with AsyncDaprClient(f"127.0.0.1:{port}") as client:

        async def one() -> None:
            await client.publish_event(PUBSUB, "nobody", DATA, data_content_type=JSON)

        await side_by_side(16, one, count, deadline)


def sdk_threads(many: int, call: Callable[[DaprClient], object]) -> Client:
    async def client(_: int, port: int, count: Count, deadline: float) -> None:
        def work() -> None:
            with DaprClient(f"127.0.0.1:{port}") as connected:
                while while_time(deadline):
                    call(connected)
                    count()

        with ThreadPoolExecutor(many) as pool:
            await asyncio.gather(*(asyncio.wrap_future(pool.submit(work)) for _ in range(many)))

    return client


def publish_one(client: DaprClient) -> None:
    client.publish_event(PUBSUB, "nobody", DATA, data_content_type=JSON)


def save_and_get(client: DaprClient) -> None:
    client.save_state(STORE, "key", DATA)
    assert client.get_state(STORE, "key").data == DATA


# Events to an app: published in bulk, so that most of the time goes into what is delivered


@asynccontextmanager
async def published(port: int, topic: str, deadline: float) -> AsyncIterator[None]:
    """While the block runs, events come as fast as they are taken."""
    entries = [
        pubsub_pb2.BulkPublishRequestEntry(entry_id=str(n), event=DATA, content_type=JSON) for n in range(32)
    ]
    request = pubsub_pb2.BulkPublishRequest(pubsub_name=PUBSUB, topic=topic, entries=entries)

    async def publish() -> None:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            stub = DaprStub(channel)  # type: ignore[no-untyped-call]
            while while_time(deadline):
                await stub.BulkPublishEvent(request)
                await asyncio.sleep(0)

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def sdk_stream(_: int, port: int, count: Count, deadline: float) -> None:
    async with AsyncDaprClient(f"127.0.0.1:{port}") as client:
        subscription = await client.subscribe(pubsub_name=PUBSUB, topic="stream")
        async with published(port, "stream", deadline):
            async for message in subscription:
                if message is None or not while_time(deadline):
                    break
                await subscription.respond_success(message)  # type: ignore[no-untyped-call]
                count()
        await subscription.close()  # type: ignore[no-untyped-call]


def events_to(protocol: str, app: int) -> Client:
    """Events of one subscription, to an app that listens at port `app`."""

    async def client(_: int, port: int, count: Count, deadline: float) -> None:
        before = await handled(protocol, app)
        async with published(port, "app", deadline):
            await asyncio.sleep(max(0.0, deadline - time.perf_counter()))
        for _ in range(await handled(protocol, app) - before):
            count()

    return client


async def handled(protocol: str, app: int) -> int:
    """How many events the app has had."""
    if protocol == "grpc":
        async with grpc.aio.insecure_channel(f"127.0.0.1:{app}") as channel:
            ask_count: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(COUNT)
            return int(await ask_count(b""))
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{app}{COUNT}") as answer:
        return int(await answer.read())


COUNT: Final = "/app/count"
APPS: Final[Mapping[str, str]] = {
    "events to an app, HTTP": "http",
    "events to an app, gRPC": "grpc",
}
"""Ways in which an app takes part, and its protocol."""
WAYS: Final[Mapping[str, Client]] = {
    "HTTP publish, 64 at once": http_publish,
    "stub publish, 64 at once": stub_publish,
    "SDK publish, async, 16": sdk_publish,
    "SDK publish, sync, 1": sdk_threads(1, publish_one),
    "SDK publish, 8 threads": sdk_threads(8, publish_one),
    "SDK save and get, sync, 1": sdk_threads(1, save_and_get),
    "SDK stream of events": sdk_stream,
}
ANSWERED: Final = frozenset({
    *APPS, "HTTP publish, 64 at once", "SDK save and get, sync, 1", "SDK stream of events",
})  # fmt: skip
"""Ways for which a bare server has no answer."""


class Nothing(grpc.GenericRpcHandler):
    """Answers each call with an empty message."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        async def answer(request: bytes, context: object) -> bytes:
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


async def serve_nothing(http: int, port: int) -> None:
    """The health that the SDK asks for, and the bare gRPC server."""

    async def healthy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
        writer.close()

    server = grpc.aio.server(handlers=[Nothing()])
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    async with await asyncio.start_server(healthy, "127.0.0.1", http) as health:
        await health.serve_forever()


class GrpcApp(grpc.GenericRpcHandler):
    """Takes the events of the topic `app`, and tells how many there were."""

    def __init__(self) -> None:
        self.events = 0
        topic = TopicSubscription(pubsub_name=PUBSUB, topic="app")
        self._listed = ListTopicSubscriptionsResponse(subscriptions=[topic]).SerializeToString()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        path = handler_call_details.method

        async def answer(request: bytes, context: object) -> bytes:
            if path.endswith("/OnTopicEvent"):
                self.events += 1
                return b""  # SUCCESS
            return str(self.events).encode() if path == COUNT else self._listed

        return grpc.unary_unary_rpc_method_handler(answer)


def http_app() -> web.Application:
    """The same over HTTP."""
    events = 0

    async def subscriptions(_: web.Request) -> web.Response:
        return web.json_response([{"pubsubname": PUBSUB, "topic": "app", "route": "/app"}])

    async def take(request: web.Request) -> web.Response:
        nonlocal events
        await request.read()
        events += 1
        return web.Response()

    async def told(_: web.Request) -> web.Response:
        return web.Response(text=str(events))

    app = web.Application()
    app.add_routes([web.get("/dapr/subscribe", subscriptions), web.post("/app", take), web.get(COUNT, told)])
    return app


async def serve_app(protocol: str, port: int) -> None:
    if protocol == "grpc":
        server = grpc.aio.server(handlers=[GrpcApp()])
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        await server.wait_for_termination()
    runner = web.AppRunner(http_app(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def measure(
    program: list[str], name: str, seconds: float, profile: Path | None = None
) -> tuple[float, float]:
    """What was done in a second in the way `name`, and the CPU of the sidecar for each, in µs."""
    names = ("dapr-http-port", "dapr-grpc-port", "dapr-internal-grpc-port", "metrics-port")
    ports = {name: free_port() for name in names}
    if profile is not None:
        program = [program[0], "-m", "cProfile", "-o", str(profile.resolve()), *program[1:]]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(_components()))
        command = [*program, "--app-id", "bench", "--log-level", "warn", "--resources-path", str(folder)]
        command += ["--dapr-listen-addresses", "127.0.0.1"]
        command += [text for flag, port in ports.items() for text in (f"--{flag}", str(port))]
        way = WAYS.get(name)
        if way is None:
            protocol, app = APPS[name], free_port()
            command += ["--app-port", str(app), "--app-protocol", protocol]
            serve = [
                sys.executable,
                str(Path(__file__).resolve()),
                "--serve-app",
                protocol,
                "--port",
                str(app),
            ]
            stack.enter_context(process(serve, os.environ))
            way = events_to(protocol, app)
        sidecar = psutil.Process(stack.enter_context(process(command, os.environ)).pid)
        http, port = ports["dapr-http-port"], ports["dapr-grpc-port"]
        setattr(settings, "DAPR_HTTP_PORT", http)  # noqa: B010 - the SDK asks there, and declares no such name
        wait_until("the sidecar", lambda: ask(f"http://127.0.0.1:{http}/v1.0/healthz")[0] == 204)
        asyncio.run(way(http, port, lambda: None, time.perf_counter() + seconds / 4))
        done, began, used = 0, time.perf_counter(), cpu_of(sidecar)

        def count() -> None:
            nonlocal done
            done += 1

        asyncio.run(way(http, port, count, began + seconds))
        took = time.perf_counter() - began
        return done / took, (cpu_of(sidecar) - used) / max(done, 1) * 1e6


def _components() -> TemporaryDirectory[str]:
    folder = TemporaryDirectory(ignore_cleanup_errors=True)
    for file, (name, kind) in COMPONENTS.items():
        Path(folder.name, file).write_text(COMPONENT.format(name, kind), encoding="utf-8")
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("way", nargs="*", help=f"of: {', '.join([*WAYS, *APPS])}")
    parser.add_argument("--daprd", type=Path, default=os.environ.get("DAPRD_PATH"), help="path of daprd")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", type=Path)
    arguments = parser.parse_args()
    if unknown := set(arguments.way) - {*WAYS, *APPS}:
        parser.error(f"no way {', '.join(sorted(unknown))}")
    print_machine()
    programs = {"ours": [sys.executable, "-m", "outboard", "sidecar"]}
    if arguments.daprd:
        programs["daprd"] = [str(arguments.daprd.resolve())]
    programs["bare"] = [sys.executable, str(Path(__file__).resolve()), "--serve-nothing"]
    columns = [f"{name} {what}" for name in programs for what in ("/s", "µs")]
    print(f"{'':28}" + "".join(f"{name:>11}" for name in [*columns, *(f"/ {name}" for name in programs)]))
    for name in arguments.way or [*WAYS, *APPS]:
        rounds = []
        for _ in range(arguments.rounds):
            found = {}
            for each, program in programs.items():
                if each == "bare" and name in ANSWERED:
                    continue
                file = arguments.profile / f"{name.replace(' ', '-')}.prof" if arguments.profile else None
                found[each] = measure(program, name, arguments.seconds, file if each == "ours" else None)
            rounds.append(found)
        told = [
            statistics.median(each[of][at] for each in rounds) if of in rounds[0] else 0.0
            for of in programs
            for at in (0, 1)
        ]
        ratios = [
            statistics.median(each["ours"][0] / each[of][0] for each in rounds) if of in rounds[0] else 0.0
            for of in programs
        ]
        figures = [f"{value:11,.0f}" for value in told] + [f"{ratio:11.2f}" for ratio in ratios]
        print(f"{name:28}" + "".join(figures), flush=True)


if __name__ == "__main__":
    if "--serve-nothing" in sys.argv:
        flags = dict(pairwise(sys.argv))
        asyncio.run(serve_nothing(int(flags["--dapr-http-port"]), int(flags["--dapr-grpc-port"])))
    elif "--serve-app" in sys.argv:
        flags = dict(pairwise(sys.argv))
        asyncio.run(serve_app(flags["--serve-app"], int(flags["--port"])))
    else:
        main()
