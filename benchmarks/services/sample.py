"""The event of all benchmarks: a small task, 265 bytes of JSON."""

from __future__ import annotations

import os
from typing import Final

from pydantic import BaseModel

PUBSUB: Final = "kafka-pubsub"
TOPIC: Final = os.environ.get("BENCH_TOPIC", "bench")
TEXT: Final = "buy milk, bread and a large bag of flour " * 5


class Sample(BaseModel):
    """When it was published (µs since the epoch), and some text."""

    sent: int
    text: str
