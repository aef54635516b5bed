"""What the doctor learns of an app over HTTP/2 without TLS, asked as its sidecar asks it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outboard.clock import SystemClock
from outboard.doctor.evidence import AppSeen
from outboard.doctor.laptop import look
from outboard.doctor.laptop.local_app import LocalApp
from outboard.doctor.laptop.look import Laptop
from outboard.runs.record import RunningApp
from support.h2c import Conversation, H2cServer
from support.processes import free_ports

pytestmark = pytest.mark.anyio
LISTED = json.dumps([{"pubsubname": "ps", "topic": "orders", "route": "/take"}]).encode()


def answering(conversation: Conversation, stream: int) -> None:
    asked = conversation.requests[stream]
    is_list = (asked[":path"], asked.get("dapr-api-token")) == ("/dapr/subscribe", "open")
    conversation.answer(stream, 200 if is_list else 404, LISTED if is_list else b"")


async def looked_at(port: int, folder: Path) -> AppSeen:
    app = RunningApp("shop", str(folder), app_port=port, http_port=free_ports(1)[0], app_protocol="h2c")
    laptop = Laptop("here", [LocalApp(app, {"APP_API_TOKEN": "open"})], SystemClock())
    (seen,) = (await laptop()).apps
    return seen


async def test_it_is_asked(tmp_path: Path) -> None:
    async with H2cServer(answering).serving() as port:
        seen = await looked_at(port, tmp_path)
    assert (seen.unasked, seen.subscribe.status) == ("", 200)
    assert [(each.pubsub, each.topic) for each in seen.subscribed] == [("ps", "orders")]
    assert [each.path for each in seen.routes] == ["/take"]


async def test_without_the_extra_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(look, "is_h2_installed", lambda: False)
    async with H2cServer(answering).serving() as port:
        seen = await looked_at(port, tmp_path)
    assert seen.unasked == "it speaks h2c, which takes `pip install 'outboard[h2c]'` to ask"
