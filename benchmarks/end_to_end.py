"""Publish → sidecar → handler, in three processes: the plain pattern against the kit, in turn.

    python benchmarks/end_to_end.py [--events 4000] [--plain-events 200] [--rounds 3]

Prints the machine, the load, and for each contender the events per second from the first publish to the last
event handled, percentiles of the time from publish to handler, and CPU time per event; then the ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SERVICES = HERE / "services"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ask(url: str, method: str = "GET") -> tuple[int, bytes]:
    """Status and body; status 0 where nobody answers yet."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


@contextmanager
def process(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process for as long as the block lasts."""
    with (HERE / "last-run.log").open("ab") as log:
        running = subprocess.Popen(command, cwd=SERVICES, env=environment, stdout=log, stderr=log)
        try:
            yield running
        finally:
            running.terminate()
            running.wait(15)


def wait_until(what: str, condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {seconds:.0f} s; see {HERE / 'last-run.log'}")
        time.sleep(0.02)


@contextmanager
def system(contender: str) -> Iterator[tuple[int, int]]:
    """A consumer and its sidecar; yields their ports."""
    app_port, dapr_port = free_port(), free_port()
    environment = {**os.environ, "CONTENDER": contender, "DAPR_HTTP_PORT": str(dapr_port)}
    app = [sys.executable, "-m", "uvicorn", "consumer:app", "--port", str(app_port), "--log-level", "warning"]
    sidecar = [sys.executable, "-m", "outboard", "sidecar", "--app-id", "bench", "--app-port", str(app_port)]
    sidecar += ["--dapr-http-port", str(dapr_port), "--dapr-grpc-port", str(free_port())]
    sidecar += ["--resources-path", str(HERE / "components")]
    with process([*app, "--no-access-log"], environment), process(sidecar, environment):
        healthz = f"http://127.0.0.1:{dapr_port}/v1.0/healthz"
        wait_until("the sidecar", lambda: ask(healthz)[0] == 204)
        yield app_port, dapr_port


def measure(contender: str, publishers: int, events: int) -> dict[str, float]:
    """One round of one contender."""
    with system(contender) as (app_port, dapr_port):
        command = [sys.executable, "publisher.py", contender, str(publishers), str(events)]
        environment = {**os.environ, "DAPR_HTTP_PORT": str(dapr_port)}
        done = subprocess.run(command, cwd=SERVICES, env=environment, stdout=subprocess.PIPE, check=True)
        published = json.loads(done.stdout)
        url = f"http://127.0.0.1:{app_port}/report?expected={events}"
        wait_until("the handlers", lambda: json.loads(ask(url)[1])["handled"] >= events)
        seconds = time.time() - published["started"]
        handled = json.loads(ask(url)[1])
    return {
        "events/s": events / seconds,
        **{name: handled[name] for name in ("p50", "p99", "p99.9")},
        "publish p50": published["p50"],
        "cpu publisher": published["cpu"] / events * 1e6,
        "cpu handler": handled["cpu"] / events * 1e6,
    }


def median_of(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def compare(publishers: int, events: dict[str, int], rounds: int) -> None:
    results: dict[str, list[dict[str, float]]] = {"plain": [], "kit": []}
    for _ in range(rounds):  # in turn, so that a noisy minute falls on both
        for contender, collected in results.items():
            collected.append(measure(contender, publishers, events[contender]))
    medians = {contender: median_of(collected) for contender, collected in results.items()}
    print(f"\n{publishers} publisher(s), median of {rounds} rounds")
    print(f"{'contender':10}" + "".join(f"{name:>15}" for name in medians["kit"]))
    for contender, values in medians.items():
        print(f"{contender:10}" + "".join(f"{value:15.2f}" for value in values.values()))
    ratio = medians["kit"]["events/s"] / medians["plain"]["events/s"]
    print(f"kit / plain: {ratio:.1f} times the events per second")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=4000, help="events a round for the kit")
    parser.add_argument("--plain-events", type=int, default=200, help="events a round for the plain pattern")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("fastapi", "uvicorn", "aiohttp", "httpx", "pydantic")
    )
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}\n{packages}")
    print("times in ms from publish to handler, CPU in µs per event")
    for publishers in (64, 1):
        compare(publishers, {"plain": arguments.plain_events, "kit": arguments.events}, arguments.rounds)


if __name__ == "__main__":
    main()
