"""A service as people write them today, without the kit: it speaks Dapr's HTTP API by hand.

It stands for the services that exist already. They must work with Outboard's sidecar unchanged, so it is
written in their way on purpose, a client for each call included.
"""

from __future__ import annotations

import logging
import os
from typing import Any

import httpx
import uvicorn
from fastapi import APIRouter, FastAPI, HTTPException
from pydantic import BaseModel

DAPR_HTTP_PORT = os.getenv("DAPR_HTTP_PORT", "3500")
DAPR_URL = f"http://localhost:{DAPR_HTTP_PORT}"
PUBSUB_NAME = "kafka-pubsub"
STATE_STORE = "statestore"

logger = logging.getLogger("handwritten")

app = FastAPI(title="A service written by hand")
router = APIRouter(prefix="")
received: list[dict[str, Any]] = []


class CloudEvent(BaseModel):
    id: str
    source: str
    specversion: str
    type: str
    datacontenttype: str = "application/json"
    data: dict[str, Any]


async def publish_event(topic: str, event: dict[str, Any]) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            response = await client.post(
                f"{DAPR_URL}/v1.0/publish/{PUBSUB_NAME}/{topic}", json=event, timeout=5.0
            )
    except httpx.HTTPError:
        logger.exception("Failed to publish to %s", topic)
        return False
    if response.status_code in (200, 204):
        return True
    logger.error("Failed to publish to %s: %d %s", topic, response.status_code, response.text)
    return False


async def save_state(key: str, value: Any) -> bool:
    async with httpx.AsyncClient() as client:
        response = await client.post(
            f"{DAPR_URL}/v1.0/state/{STATE_STORE}", json=[{"key": key, "value": value}]
        )
    return response.status_code in (200, 201, 204)


async def get_state(key: str) -> Any:
    async with httpx.AsyncClient() as client:
        response = await client.get(f"{DAPR_URL}/v1.0/state/{STATE_STORE}/{key}")
    if response.status_code == 204:
        return None
    response.raise_for_status()
    return response.json()


async def delete_state(key: str) -> bool:
    async with httpx.AsyncClient() as client:
        response = await client.delete(f"{DAPR_URL}/v1.0/state/{STATE_STORE}/{key}")
    return response.status_code in (200, 204)


@app.get("/dapr/subscribe")
async def subscribe() -> list[dict[str, str]]:
    return [
        {"pubsubname": PUBSUB_NAME, "topic": "task-events", "route": "/events/task"},
        {"pubsubname": PUBSUB_NAME, "topic": "reminders", "route": "/events/reminder"},
    ]


@app.post("/events/task")
async def handle_task_event(event: CloudEvent) -> dict[str, str]:
    received.append({"route": "/events/task", **event.model_dump()})
    return {"status": "SUCCESS"}


@router.post("/events/reminder")
async def handle_reminder_event(event: CloudEvent) -> dict[str, str]:
    received.append({"route": "/events/reminder", **event.model_dump()})
    return {"message": "thanks"}


app.include_router(router)


@app.post("/publish/{topic}")
async def publish(topic: str, event: dict[str, Any]) -> dict[str, bool]:
    return {"published": await publish_event(topic, event)}


@app.get("/received")
async def get_received() -> list[dict[str, Any]]:
    return received


@app.put("/state/{key}")
async def put_state(key: str, value: dict[str, Any]) -> dict[str, bool]:
    return {"saved": await save_state(key, value)}


@app.get("/state/{key}")
async def read_state(key: str) -> Any:
    value = await get_state(key)
    if value is None:
        raise HTTPException(404, "nothing there")
    return value


@app.delete("/state/{key}")
async def remove_state(key: str) -> dict[str, bool]:
    return {"deleted": await delete_state(key)}


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "healthy"}


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.getenv("APP_PORT", "8000")), log_level="warning")
