"""Bulk deliveries as a sidecar makes them, and their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

__all__ = ["bulk_body", "bulk_entry", "deliver_bulk"]


def bulk_entry(
    entry_id: str, event: object, metadata: Mapping[str, str] | None = None, content_type: str | None = None
) -> dict[str, Any]:
    """One entry; `event` is an envelope, or Base64 text for a raw payload."""
    default = "application/octet-stream" if isinstance(event, str) else "application/cloudevents+json"
    return {
        "entryId": entry_id,
        "event": event,
        "metadata": metadata,
        "contentType": content_type or default,
    }


def bulk_body(entries: Sequence[object], topic: str = "tasks", pubsub: str = "pubsub") -> dict[str, Any]:
    """The body of the request."""
    return {
        "id": "7d9f1c36-6f0f-4f0e-a3ab-3d1e2e1d6a11",
        "entries": entries,
        "metadata": {"pubsubName": pubsub},
        "topic": topic,
        "pubsubname": pubsub,
        "type": "com.dapr.event.sent.bulk",
    }


async def deliver_bulk(
    client: httpx.AsyncClient, path: str, entries: Sequence[object], headers: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Deliver, and return the status of each entry id, in the order of the answer."""
    response = await client.post(path, json=bulk_body(entries), headers=headers)
    assert response.status_code == 200
    return {item["entryId"]: item["status"] for item in response.json()["statuses"]}
