"""A raw payload on its way through a sidecar to a handler of the kit that takes it at the second time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI

from outboard import Outboard
from outboard.asgi import AsgiExchange
from outboard.clock import SystemClock
from outboard.hops.files.reader import read_record
from outboard.hops.files.recording import HOPS_FOLDER, recording
from outboard.hops.record import Hop
from outboard.resources.component import Component
from outboard.resources.loader import Resources
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.testing.asgi import AppLifespan
from outboard.wire.events import Event
from outboard.wire.http import Request

__all__ = ["hops_of_a_raw_payload"]

LIMIT = 30


async def hops_of_a_raw_payload(
    pubsub: Component, topic: str, folder: Path, *, bulk: bool
) -> tuple[Sequence[Hop], list[str]]:
    """What is recorded of it, and the ids that the handler was given."""
    variables, given = {HOPS_FOLDER: str(folder)}, list[str]()
    board = Outboard(app_id="shop", environ=variables, pubsub="pubsub")
    app = FastAPI()
    board.mount(app)
    handled = asyncio.Event()

    @board.topic(topic, bytes).subscribe("/readings", metadata={"rawPayload": "true"}, bulk=bulk)
    async def handle(event: Event[bytes]) -> None:
        given.append(event.id)
        assert event.data == b"21.5"
        if len(given) == 1:
            raise RuntimeError("the first time")
        handled.set()

    async with AppLifespan.of(app) as life:
        with recording(variables, "shop", "sidecar") as recorder:
            resources = Resources((pubsub,), (), ())
            beside = Sidecar(Options("shop"), resources, clock=SystemClock(), channel=life, recorder=recorder)
            async with board.connected(exchange=AsgiExchange(beside.api)), beside.running():
                await life.start()
                url = f"/v1.0/publish/pubsub/{topic}?metadata.rawPayload=true"
                headers = {"content-type": "text/plain"}
                answer = await AsgiExchange(beside.api)(Request("POST", url, headers, b"21.5"), 10)
                assert answer.status == 204, answer.body
                async with asyncio.timeout(LIMIT):
                    await handled.wait()
                    while len(read_record(folder).hops) < 5:  # noqa: ASYNC110 - it is a thread that writes
                        await asyncio.sleep(0.05)
    return read_record(folder).hops, given
