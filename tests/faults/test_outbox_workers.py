"""`uvicorn --workers 4` on one outbox: real processes share the work, and one that is killed is replaced."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine

from outboard import Outbox
from outboard.kit.outbox.lease import holder_of
from support.processes import free_ports, running

KEYS = 8
EVENTS = 10
PATIENCE = 200.0


def eventually(condition: Callable[[], bool], complaint: Callable[[], str]) -> None:
    """Return once it is so. Four processes take their time to start on a busy machine."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, complaint()
        time.sleep(0.2)


class RecordingSidecar(ThreadingHTTPServer):
    """Takes what is published, event by event, and keeps it in the order in which it came."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.published: dict[str, list[int]] = defaultdict(list)
        self.lock = threading.Lock()

    @property
    def count(self) -> int:
        return sum(map(len, self.published.values()))


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(204)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self.path.startswith("/v1.0/publish/pubsub/tasks"):
            return self._answer(404)  # no bulk
        event = json.loads(body)
        assert isinstance(self.server, RecordingSidecar)
        with self.server.lock:
            self.server.published[event["partitionkey"]].append(event["data"])
        return self._answer(204)

    def log_message(self, format: str, *_: object) -> None:
        pass

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()


@contextmanager
def recording_sidecar() -> Iterator[RecordingSidecar]:
    with RecordingSidecar() as server:
        serving = threading.Thread(target=server.serve_forever, daemon=True)
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()


def stage(url: str, key: str, numbers: range) -> set[int]:
    """One after another, each as often as it takes; the processes that have committed them."""
    processes = set()
    for number in numbers:
        for _ in range(100):
            try:
                answer = httpx.post(f"{url}/tasks", params={"key": key, "number": number}, timeout=PATIENCE)
            except httpx.TransportError:  # of a worker that was killed before it took it
                continue
            if answer.status_code == 200:
                processes.add(answer.json())
                break
        else:
            raise AssertionError(f"{key} {number} was never staged")
    return processes


def stage_all(url: str, numbers: range) -> set[int]:
    with ThreadPoolExecutor(KEYS) as pool:
        found = pool.map(lambda key: stage(url, f"k{key}", numbers), range(KEYS))
        return set().union(*found)


@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="uvicorn's workers, and signals")
def test_four_workers_share_the_work_and_one_that_is_killed_is_replaced(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    engine = create_engine(url)
    Outbox.make_durable(engine)
    outbox = Outbox(engine)
    outbox.create_tables(engine)
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "uvicorn", "outbox_workers:app", "--workers", "4", "--port", str(port)]
    command += ["--timeout-worker-healthcheck", "60"]  # else it kills who is slow to start

    def leases() -> dict[str, int]:
        return dict(asyncio.run(outbox.store.leases()))

    def shared() -> bool:
        return sorted(leases().values()) == [4, 4, 4, 4]

    with recording_sidecar() as sidecar:
        environment = {"SHOP_DATABASE": url, "DAPR_HTTP_PORT": str(sidecar.server_address[1])}
        environment |= {"PYTHONPATH": str(Path(__file__).parent), "APP_ID": "shop"}
        with running(command, tmp_path, **environment) as app:
            eventually(shared, lambda: f"leases: {leases()}\n{app.output}")
            stage_all(f"http://127.0.0.1:{port}", range(EVENTS))
            expected = {f"k{key}": [*range(EVENTS)] for key in range(KEYS)}
            eventually(lambda: sidecar.count >= KEYS * EVENTS, lambda: f"came: {sidecar.published}")
            assert sidecar.published == expected, "each once, in the order of commits"

            killed = next(iter(leases()))
            holder = holder_of(killed)
            assert holder is not None
            os.kill(holder.process, signal.SIGKILL)
            stage_all(f"http://127.0.0.1:{port}", range(EVENTS, EVENTS * 2))
            eventually(
                lambda: killed not in leases() and shared(), lambda: f"leases: {leases()}\n{app.output}"
            )
            eventually(lambda: not asyncio.run(outbox.waiting()), lambda: "something waits")
        assert leases() == {}, "they have given them back"
    for key in expected:
        first = list(dict.fromkeys(sidecar.published[key]))
        assert first == sorted(first)
        assert set(first) == set(range(EVENTS * 2))
    engine.dispose()
