from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from outboard.live.messages import TailedMessage, message_line, message_object

AT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "type": "task.created",
    "source": "backend",
    "partitionkey": "7",
    "correlationid": "c",
    "data": {"title": "grün"},
}


def seen(data: bytes, **metadata: str) -> TailedMessage:
    return TailedMessage("tasks", data, metadata, AT)


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (
            json.dumps(EVENT).encode(),
            'e-1 task.created from backend partitionkey=7 correlationid=c {"title": "grün"}',
        ),
        (
            json.dumps({**EVENT, "data_base64": "AAE=", "partitionkey": "7"}).encode(),
            "e-1 task.created from backend partitionkey=7 correlationid=c (base64) AAE=",
        ),
        (b'{"n": 1}', '{"n": 1}'),
        (
            json.dumps({**EVENT, "id": "a\x1b[31m\x9bb", "data": "\u202e"}).encode(),
            'a\ufffd[31m\ufffdb task.created from backend partitionkey=7 correlationid=c "\ufffd"',
        ),
        (b"hello\n\x1b[31m", '"hello\\n\\u001b[31m"'),
        (b"\xff\x00", "(2 bytes) ff 00"),
        (b"", ""),
    ],
)
def test_a_line(data: bytes, shown: str) -> None:
    assert message_line(seen(data)).partition(" ")[2] == shown
    line = message_line(seen(data, __partition="3", __offset="9"))
    assert line.split(" ", 2)[1:] == ["3/9", shown]


def test_objects() -> None:
    assert message_object(seen(json.dumps(EVENT).encode(), key="v")) == {
        "at": "2026-01-02T03:04:05.678000+00:00",
        "topic": "tasks",
        "metadata": {"key": "v"},
        "event": EVENT,
    }
    assert message_object(seen(b"\xff")) == {
        "at": "2026-01-02T03:04:05.678000+00:00",
        "topic": "tasks",
        "metadata": {},
        "data_base64": "/w==",
    }
    assert message_object(seen(b"NaN")) == {
        "at": "2026-01-02T03:04:05.678000+00:00",
        "topic": "tasks",
        "metadata": {},
        "data_base64": "TmFO",
    }
