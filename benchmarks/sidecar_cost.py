"""What one event costs the sidecar: bulk requests of 64 events in, one or many a request out.

    python benchmarks/sidecar_cost.py [bulk | single | publish ...] [--events 100000] [--components FOLDER]
                                      [--stalls]

The publisher sends whole bulk requests, two at a time, and the receiver is a bare ASGI app, so that most of
the time goes into the sidecar. `publish` sends single events, 64 at a time, to a topic without a subscriber.
The figure to trust is its CPU time per event, which other work on the machine does not change much.
`--stalls` tells, too, for how long the sidecar's loop was away at the longest while the events were on their
way: by the clock, and of that on the CPU, which leaves out what other processes took. The ticker costs some.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import aiohttp
import psutil
from measuring import HERE, MIB, SERVICES, ask, cpu_of, free_port, print_machine, process, wait_until

PUBSUB: Final = "kafka-pubsub"
BATCH: Final = 64
IN_FLIGHT: Final = 2
KINDS: Final = ("bulk", "single", "publish")
TEXT: Final = "buy milk, bread and a large bag of flour " * 5


def event(number: int) -> dict[str, Any]:
    """As the kit makes it."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "bench",
        "type": "sample.created",
        "time": "2026-01-02T03:04:05.123456Z",
        "datacontenttype": "application/json",
        "partitionkey": str(number),
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": {"sent": 1_700_000_000_000_000 + number, "text": TEXT},
    }


def entry(number: int) -> dict[str, Any]:
    return {
        "entryId": str(number),
        "event": event(number),
        "contentType": "application/cloudevents+json",
        "metadata": {"partitionKey": str(number)},
    }


async def receiver(scope: Any, receive: Any, send: Any) -> None:
    """A bare ASGI app that takes all it gets."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    answer = _answer(scope["path"], body)
    headers = [(b"content-length", str(len(answer)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


handled = 0


def _answer(path: str, body: bytes) -> bytes:
    global handled
    if path == "/dapr/subscribe":
        bulk = {"enabled": True, "maxMessagesCount": 100, "maxAwaitDurationMs": 5}
        return json.dumps(
            [
                {"pubsubname": PUBSUB, "topic": "bulk", "route": "/bulk", "bulkSubscribe": bulk},
                {"pubsubname": PUBSUB, "topic": "single", "route": "/single"},
            ]
        ).encode()
    if path == "/single":
        handled += 1
        return b""
    if path == "/bulk":
        ids = [each["entryId"] for each in json.loads(body)["entries"]]
        handled += len(ids)
        return json.dumps({"statuses": [{"entryId": each, "status": "SUCCESS"} for each in ids]}).encode()
    return str(handled).encode()


async def publish(url: str, kind: str, events: int) -> None:
    bodies = iter([event(n) if kind == "publish" else _batch(n) for n in range(events // _size(kind))])
    content = "application/cloudevents+json" if kind == "publish" else "application/json"

    async def worker(session: aiohttp.ClientSession) -> None:
        for body in bodies:
            data = json.dumps(body, separators=(",", ":")).encode() if kind == "publish" else body
            async with session.post(url, data=data, headers={"content-type": content}) as answer:
                assert answer.status == 204, await answer.text()

    async with aiohttp.ClientSession() as session:
        at_once = 64 if kind == "publish" else IN_FLIGHT
        await asyncio.gather(*(worker(session) for _ in range(at_once)))


def _size(kind: str) -> int:
    return 1 if kind == "publish" else BATCH


def _batch(number: int) -> bytes:
    return json.dumps([entry(number * BATCH + n) for n in range(BATCH)], separators=(",", ":")).encode()


def measure(
    kind: str, events: int, components: Path, stalls: Path | None, loop: Callable[[Awaitable[None]], None]
) -> str:
    names = ("dapr-http-port", "dapr-grpc-port", "metrics-port")
    app_port, ports = free_port(), {name: str(free_port()) for name in names}
    components = components.resolve()
    flags = {"app-id": "bench", "app-port": str(app_port), "resources-path": str(components), **ports}
    program = ["-m", "outboard", "sidecar"] if stalls is None else [str(SERVICES / "watched_sidecar.py")]
    sidecar_command = [sys.executable, *program, "--log-level", "warn"]
    environment = os.environ if stalls is None else {**os.environ, "STALLS": str(stalls)}
    sidecar_command += [text for name, value in flags.items() for text in (f"--{name}", value)]
    app = [sys.executable, "-m", "uvicorn", "sidecar_cost:receiver", "--port", str(app_port)]
    events -= events % BATCH
    with ExitStack() as stack:
        stack.enter_context(process([*app, "--log-level", "warning"], os.environ, HERE))
        folder = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        sidecar = psutil.Process(stack.enter_context(process(sidecar_command, environment, folder)).pid)
        base = f"http://127.0.0.1:{ports['dapr-http-port']}/v1.0"
        wait_until("the sidecar", lambda: ask(f"{base}/healthz")[0] == 204)
        url = f"{base}/publish/{'' if kind == 'publish' else 'bulk/'}{PUBSUB}/{kind}"

        def there(count: int) -> bool:
            return kind == "publish" or int(ask(f"http://127.0.0.1:{app_port}/handled")[1]) >= count

        warm = BATCH * 20
        loop(publish(url, kind, warm))
        wait_until("the warm-up", lambda: there(warm))
        began = time.time()
        before, started, memory = cpu_of(sidecar), time.perf_counter(), sidecar.memory_info().rss
        loop(publish(url, kind, events))
        wait_until("the last event", lambda: there(warm + events), 600)
        seconds, cpu = time.perf_counter() - started, cpu_of(sidecar) - before
        grown = (sidecar.memory_info().rss - memory) / MIB
        descriptors = sidecar.num_fds() if hasattr(sidecar, "num_fds") else 0
    return (
        f"{kind:8} {cpu / events * 1e6:7.1f} µs sidecar CPU, {events / seconds:9,.0f} events/s, "
        f"{grown:+.1f} MiB, {descriptors} descriptors"
    ) + ("" if stalls is None else _longest(stalls, began))


def _longest(stalls: Path, began: float) -> str:
    """Of the lines of `watched_sidecar.py` that were written later."""
    lines = [[float(value) for value in line.split()] for line in stalls.read_text("utf-8").splitlines()]
    told = [line for line in lines if line[0] > began + 0.2]
    wall, cpu = (max(line[column] for line in told) for column in (1, 2))
    return f", longest stall {wall:.1f} ms, of the loop's own {cpu:.1f} ms CPU"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", nargs="*", help=", ".join(KINDS))
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--components", type=Path, default=HERE / "components" / "partitions")
    parser.add_argument("--stalls", action="store_true", help="tell the longest stall of the loop, too")
    arguments = parser.parse_args()
    print_machine()
    with TemporaryDirectory() as folder:
        stalls = Path(folder) / "stalls" if arguments.stalls else None
        for kind in arguments.kind or KINDS:
            print(
                measure(
                    kind,
                    arguments.events,
                    arguments.components,
                    stalls,
                    lambda work: asyncio.run(_awaited(work)),
                )
            )


async def _awaited(work: Awaitable[None]) -> None:
    await work


if __name__ == "__main__":
    main()
