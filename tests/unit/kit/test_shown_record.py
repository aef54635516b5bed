"""An app shows its record of hops inside its pod, to whoever has its token, and to nobody else."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from outboard import Outboard, Sensitive
from outboard.hops.files.recording import HOPS_DATA, HOPS_FOLDER
from outboard.wire.shown_record import RECORD_PATH, listing_in, piece_path
from support.scripted import ScriptedExchange

pytestmark = pytest.mark.anyio
TOKEN = "open-sesame"
HEADERS = {"dapr-api-token": TOKEN}


class Task(BaseModel):
    id: int
    owner: Annotated[str, Sensitive()]


def app_of(environ: dict[str, str]) -> tuple[FastAPI, Outboard]:
    board = Outboard(app_id="todo", environ=environ)
    app = FastAPI(lifespan=board.lifespan)
    board.mount(app)
    return app, board


@asynccontextmanager
async def client_of(app: FastAPI, client: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, client=(client, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as asking:
        yield asking


async def published(app: FastAPI, board: Outboard, exchange: ScriptedExchange) -> None:
    async with board.connected(exchange=exchange):
        await board.topic("tasks", Task).publish(Task(id=7, owner="Ada"), key="7")


@pytest.mark.parametrize(("data", "masked"), [("", False), ("true", True)])
async def test_the_record_is_shown_without_what_is_sensitive(tmp_path: Path, data: str, masked: bool) -> None:
    app, board = app_of({HOPS_FOLDER: str(tmp_path / "hops"), HOPS_DATA: data, "APP_API_TOKEN": TOKEN})
    await published(app, board, ScriptedExchange())
    async with client_of(app) as client:
        (file,) = listing_in((await client.get(RECORD_PATH, headers=HEADERS)).content)
        answer = await client.get(piece_path(file.name, 0), headers=HEADERS)
        rest = await client.get(piece_path(file.name, 10), headers=HEADERS)
    assert len(answer.content) == file.size
    assert rest.content == answer.content[10:]
    head, hop = map(json.loads, answer.text.splitlines())
    assert head["app"] == "todo"
    assert (hop["kind"], hop["topic"], hop["key"]) == ("published", "tasks", "7")
    assert ("data" in hop) is masked
    assert "Ada" not in answer.text


@pytest.mark.parametrize(
    ("headers", "client", "status"),
    [
        (HEADERS, "127.0.0.1", 200),
        (HEADERS, "::1", 200),
        (HEADERS, "::ffff:127.0.0.1", 200),
        ({}, "127.0.0.1", 401),
        ({"dapr-api-token": "other"}, "127.0.0.1", 401),
        (HEADERS, "10.42.0.7", 403),
        (HEADERS, "unix", 403),
        (HEADERS | {"dapr-caller-app-id": "billing"}, "127.0.0.1", 403),
        (HEADERS | {"X-Forwarded-For": "127.0.0.1"}, "127.0.0.1", 403),
        (HEADERS | {"Forwarded": "for=10.0.0.1"}, "127.0.0.1", 403),
    ],
)
async def test_strangers_are_refused(
    tmp_path: Path, headers: dict[str, str], client: str, status: int
) -> None:
    app, _ = app_of({HOPS_FOLDER: str(tmp_path), "APP_API_TOKEN": TOKEN})
    name = "1700000000000-todo-kit-1-a1-1.hops.jsonl"
    (tmp_path / name).write_text("hops", encoding="utf-8")
    async with client_of(app, client) as asking:
        for path in (RECORD_PATH, piece_path(name, 0)):
            answer = await asking.get(path, headers=headers)
            assert answer.status_code == status, answer.text
            assert (name in answer.text or answer.text == "hops") is (status == 200)


@pytest.mark.parametrize("given", [{"APP_API_TOKEN": TOKEN}, {HOPS_FOLDER: "hops"}, {HOPS_FOLDER: " "}])
async def test_without_a_record_or_without_a_token_there_is_no_such_route(given: dict[str, str]) -> None:
    app, _ = app_of(given)
    async with client_of(app) as client:
        assert (await client.get(RECORD_PATH, headers=HEADERS)).status_code == 404


async def test_what_is_not_of_the_record_is_not_shown(tmp_path: Path) -> None:
    hops = tmp_path / "hops"
    hops.mkdir()
    (tmp_path / "1700000000000-secret-kit-1-a1-1.hops.jsonl").write_text("secret", encoding="utf-8")
    app, _ = app_of({HOPS_FOLDER: str(hops), "APP_API_TOKEN": TOKEN})
    async with client_of(app) as client:
        outside = await client.get(
            piece_path("../1700000000000-secret-kit-1-a1-1.hops.jsonl", 0), headers=HEADERS
        )
        wrong = await client.get(f"{RECORD_PATH}?file=a&from=-1", headers=HEADERS)
    assert (outside.status_code, wrong.status_code) == (404, 400)
