"""Calls from app to app: caller → its sidecar → the callee's sidecar → the callee, by HTTP and by gRPC.

    python benchmarks/calls.py [--calls 3000] [--rounds 3] [--callers 16] [--size 100]

Four pairs of sidecars, daprd's and ours, in turn in each round, with one app behind all of them; in ways: a
request over HTTP (`http`), and a method of the app's own service over gRPC (`proxied`). It needs the extra
`grpc`, and `python dev.py engines daprd`. The figures to trust are the ratios to daprd-to-daprd.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
import grpc
import psutil
from measuring import HERE, ask, free_port, print_machine, print_table, process, wait_until

ENGINES: Final = HERE.parent / ".engines" / "engines.json"
NAMES: Final = """
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: names}
spec:
  nameResolution: {component: sqlite, version: v1, configuration: {connectionString: FILE}}
"""
METHOD: Final = "/bench.Echo/Echo"


@dataclass(frozen=True)
class Pair:
    """The ports of the caller's sidecar, and both processes."""

    http: int
    grpc: int
    caller: psutil.Process
    callee: psutil.Process


def programs() -> Mapping[str, list[str]]:
    daprd = json.loads(ENGINES.read_text(encoding="utf-8")).get("daprd") if ENGINES.exists() else None
    if daprd is None:
        raise SystemExit("there is no daprd: python dev.py engines daprd")
    return {"daprd": [str(ENGINES.parent / daprd)], "ours": [sys.executable, "-m", "outboard", "sidecar"]}


@contextmanager
def pair(caller: list[str], callee: list[str], app_port: int, protocol: str) -> Iterator[Pair]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "names.yaml").write_text(NAMES.replace("FILE", str(folder / "names.db")), encoding="utf-8")
        started = [
            stack.enter_context(sidecar(program, app_id, app_port, protocol, folder))
            for app_id, program in (("caller", caller), ("callee", callee))
        ]
        (http, grpc_port, first), (other, _, second) = started
        for port in (http, other):
            wait_until("a sidecar", partial(is_ready, f"http://127.0.0.1:{port}/v1.0/healthz"))
        yield Pair(http, grpc_port, first, second)


def is_ready(url: str) -> bool:
    return ask(url)[0] == 204


@contextmanager
def sidecar(
    program: list[str], app_id: str, app_port: int, protocol: str, folder: Path
) -> Iterator[tuple[int, int, psutil.Process]]:
    ports = {name: free_port() for name in ("dapr-http-port", "dapr-grpc-port", "dapr-internal-grpc-port")}
    flags = {
        "app-id": app_id, "app-port": app_port, "app-protocol": protocol, "config": folder / "names.yaml",
        "log-level": "warn", "mode": "standalone", "dapr-listen-addresses": "127.0.0.1",
        "dapr-internal-grpc-listen-address": "127.0.0.1", "metrics-port": free_port(), **ports,
    }  # fmt: skip
    command = [*program, *(f"--{name}={value}" for name, value in flags.items())]
    with process(command, dict(os.environ), folder) as running:
        yield ports["dapr-http-port"], ports["dapr-grpc-port"], psutil.Process(running.pid)


async def load(call: Callable[[], Awaitable[object]], calls: int, callers: int) -> dict[str, float]:
    took: list[float] = []
    left = iter(range(calls))

    async def one() -> None:
        for _ in left:
            started = time.perf_counter()
            await call()
            took.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(callers)))
    seconds = time.perf_counter() - started
    cuts = statistics.quantiles(took, n=100)
    return {"calls/s": calls / seconds, "p50 ms": cuts[49] * 1000, "p99 ms": cuts[98] * 1000}


async def over_http(port: int, body: bytes, calls: int, callers: int) -> dict[str, float]:
    url = f"http://127.0.0.1:{port}/v1.0/invoke/callee/method/echo"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def call() -> None:
            async with session.post(url, data=body) as answer:
                if answer.status != 200 or await answer.read() != body:
                    raise SystemExit(f"{answer.status}: {await answer.text()}")

        await load(call, max(calls // 10, callers), callers)  # connections, and what is imported late
        return await load(call, calls, callers)


async def over_grpc(port: int, body: bytes, calls: int, callers: int) -> dict[str, float]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(METHOD)

        async def call() -> None:
            await method(body, metadata=(("dapr-app-id", "callee"),))

        await load(call, max(calls // 10, callers), callers)
        return await load(call, calls, callers)


WAYS: Final = {"http": ("http", over_http), "proxied": ("grpc", over_grpc)}


def measure(way: str, names: tuple[str, str], arguments: argparse.Namespace) -> dict[str, float]:
    protocol, called = WAYS[way]
    port, known = free_port(), programs()
    app = [sys.executable, str(HERE / "services" / "callee.py"), protocol, str(port)]
    caller, callee = names
    with process(app, dict(os.environ)), pair(known[caller], known[callee], port, protocol) as running:
        both, at = (running.caller, running.callee), running.http if way == "http" else running.grpc
        before = sum(sum(each.cpu_times()[:2]) for each in both)
        result = asyncio.run(called(at, b"x" * arguments.size, arguments.calls, arguments.callers))
        used = sum(sum(each.cpu_times()[:2]) for each in both) - before
    result["CPU µs"] = used * 1e6 / (arguments.calls * 1.1)  # both sidecars, a call; with the first ones
    return result


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=3_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--callers", type=int, default=16)
    parser.add_argument("--size", type=int, default=100, help="bytes of a body")
    parser.add_argument("--way", choices=WAYS, action="append")
    parser.add_argument("--pair", action="append", help="as daprd-ours; all four unless given")
    arguments = parser.parse_args()
    print_machine()
    kinds = programs()
    names = arguments.pair or [f"{caller}-{callee}" for caller in kinds for callee in kinds]
    for way in arguments.way or WAYS:
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for _ in range(arguments.rounds):
            for name, results in rounds.items():
                caller, _, callee = name.partition("-")
                results.append(measure(way, (caller, callee), arguments))
                print(".", end="", flush=True)
        medians = {
            name: {key: statistics.median(each[key] for each in results) for key in results[0]}
            for name, results in rounds.items()
        }
        print_table(f"{way}, {arguments.callers} callers, median of {arguments.rounds}", medians)
        for name in names[1:]:
            print(f"{name} / {names[0]}: {medians[name]['calls/s'] / medians[names[0]]['calls/s']:.2f}")


if __name__ == "__main__":
    main()
