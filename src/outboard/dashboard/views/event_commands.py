"""An event as text to copy: a command, a request, the beginning of a test."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote, urlencode

from outboard.wire.dapr import PARTITION_KEY

__all__ = ["CopyText", "copy_texts"]

ANY_SIDECAR: Final = "http://localhost:3500"


class CopyText(NamedTuple):
    """`text` does what `title` says; `name` is short."""

    name: str
    title: str
    text: str


class _Publication(Protocol):
    @property
    def topic(self) -> str: ...
    @property
    def pubsub(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def data(self) -> str: ...


def copy_texts(event: _Publication, sidecar: str) -> Sequence[CopyText]:
    """For `event`, by the sidecar at this address; empty where none runs."""
    return (
        CopyText("cli", "Outboard's command", _command(event)),
        CopyText("curl", "curl", _curl(event, sidecar or ANY_SIDECAR)),
        CopyText("pytest", "pytest", _test(event)),
    )


def _compact(data: str) -> str:
    try:
        return json.dumps(json.loads(data), ensure_ascii=False)
    except (ValueError, RecursionError):
        return data


def _command(event: _Publication) -> str:
    words = ["outboard", "publish", "--topic", event.topic, "--pubsub", event.pubsub]
    words += ["--key", event.key] if event.key else []
    return shlex.join([*words, "--data", _compact(event.data)])


def _curl(event: _Publication, sidecar: str) -> str:
    query = f"?{urlencode({f'metadata.{PARTITION_KEY}': event.key})}" if event.key else ""
    where = f"{quote(event.pubsub, safe='')}/{quote(event.topic, safe='')}"
    words = [
        "curl",
        "-X",
        "POST",
        f"{sidecar}/v1.0/publish/{where}{query}",
        "-H",
        "content-type: application/json",
    ]
    return shlex.join([*words, "--data", _compact(event.data)])


def _test(event: _Publication) -> str:
    """With the fixture `outboard`, which starts sidecars in the test's process."""
    try:
        data = repr(json.loads(event.data))
    except (ValueError, RecursionError):
        data = repr(event.data)
    key = f", key={event.key!r}" if event.key else ""
    return "\n".join(
        (
            "from my_service import app, board  # yours",
            "",
            "",
            "async def test_the_event_is_handled(outboard):",
            "    async with outboard.serving(app, board):",
            f"        topic = board.topic({event.topic!r}, pubsub={event.pubsub!r})",
            f"        await topic.publish({data}{key})",
            "        await outboard.handled(topic)",
        )
    )
