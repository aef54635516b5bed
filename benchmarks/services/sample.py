"""The event of all benchmarks: a small task, 265 bytes of JSON."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel

PUBSUB: Final = "kafka-pubsub"
TOPIC: Final = "bench"
TEXT: Final = "buy milk, bread and a large bag of flour " * 5


class Sample(BaseModel):
    """When it was published (µs since the epoch), and some text."""

    sent: int
    text: str
