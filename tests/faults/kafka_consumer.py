"""A member of a consumer group as a process, for a test to freeze and to kill.

BROKERS, GROUP and TOPIC name what it consumes, PAUSE how many seconds it takes for each message. It prints
`begin DATA` and `done DATA`.
"""

from __future__ import annotations

import asyncio
import os

from outboard.sidecar.components.port import Message
from support.kafka_component import kafka_pubsub

SESSION = {"sessionTimeout": "1s", "heartbeatInterval": "200ms"}


async def handle(message: Message) -> None:
    print("begin", message.data.decode(), flush=True)  # noqa: T201
    await asyncio.sleep(float(os.environ["PAUSE"]))
    print("done", message.data.decode(), flush=True)  # noqa: T201


async def consume() -> None:
    async with kafka_pubsub(os.environ["BROKERS"], os.environ["GROUP"], **SESSION) as pubsub:
        await pubsub.consume(os.environ["TOPIC"], {}, handle, lambda: print("subscribed", flush=True))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(consume())
