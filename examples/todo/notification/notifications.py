"""Notifications over HTTP: the latest ones, and a live stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse

from notification.feed import Notification
from notification.handlers import CurrentFeed
from notification.stream import server_sent_events

router = APIRouter(prefix="/notifications", tags=["notifications"])


@router.get("")
def latest(feed: CurrentFeed) -> Sequence[Notification]:
    return feed.latest()


@router.get("/stream")
async def stream(feed: CurrentFeed, last_event_id: Annotated[str, Header()] = "") -> StreamingResponse:
    """Server-sent events: what is kept (after `Last-Event-ID`, where given), then what arrives."""
    return StreamingResponse(
        server_sent_events(feed, last_event_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
