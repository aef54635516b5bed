"""What may be posted to the route of a handler: what a sidecar sends, and nothing that a form can."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from fastapi import FastAPI

from outboard import Event, Outboard
from support.serving import Serving

pytestmark = pytest.mark.anyio

FORMS = [
    None,
    "",
    "text/plain",
    "TEXT/PLAIN; charset=utf-8",
    "text/plain; application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/octet-stream",
]
EVENTS = [
    "application/cloudevents+json",
    "application/cloudevents+json; charset=utf-8",
    "Application/CloudEvents+JSON",
    "application/json",
    "application/json; charset=utf-8",
    "text/json",
]


@pytest.fixture
def handled(board: Outboard) -> list[str]:
    handled: list[str] = []

    @board.topic("tasks").subscribe("/on")
    async def on_task(event: Event[object]) -> None:
        handled.append(event.id)

    return handled


@pytest.fixture
def app(board: Outboard, handled: list[str]) -> FastAPI:
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app


def _headers(content_type: str | None) -> dict[str, str]:
    return {} if content_type is None else {"content-type": content_type}


@pytest.mark.parametrize("content_type", FORMS)
async def test_what_a_web_page_can_post_without_asking_is_refused(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any], handled: list[str],
    content_type: str | None, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    async with serving(app, board) as client:
        with caplog.at_level(logging.WARNING):
            response = await client.post("/on", content=json.dumps(envelope), headers=_headers(content_type))
    assert (response.status_code, handled) == (415, [])
    assert "application/cloudevents+json" in response.json()["error"]
    assert "/on was refused" in caplog.text


@pytest.mark.parametrize("content_type", EVENTS)
async def test_events_are_taken(
    app: FastAPI, board: Outboard, serving: Serving, envelope: dict[str, Any], handled: list[str],
    content_type: str,
) -> None:  # fmt: skip
    async with serving(app, board) as client:
        response = await client.post("/on", content=json.dumps(envelope), headers=_headers(content_type))
    assert (response.status_code, response.json()) == (200, {"status": "SUCCESS"})
    assert handled == ["e-1"]


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/octet-stream"])
async def test_a_binary_event_may_be_of_any_type(
    app: FastAPI, board: Outboard, serving: Serving, handled: list[str], content_type: str | None
) -> None:
    """A browser asks the app before it sends a header as `ce-specversion`."""
    attributes = {"ce-specversion": "1.0", "ce-id": "b-1", "ce-source": "s", "ce-type": "t"}
    async with serving(app, board) as client:
        response = await client.post("/on", content=b"x", headers={**attributes, **_headers(content_type)})
    assert response.json() == {"status": "SUCCESS"}
    assert handled == ["b-1"]
