"""What the notification service does with an event."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session
from starlette.requests import HTTPConnection

from events import TaskEvent
from notification.board import inbox, task_events
from notification.feed import Feed, Notification
from outboard import Event

logger = logging.getLogger(__name__)
router = APIRouter()


def current_feed(connection: HTTPConnection) -> Feed:
    feed: Feed = connection.app.state.feed
    return feed


CurrentFeed = Annotated[Feed, Depends(current_feed)]


@task_events.subscribe("/events/task", router=router)
def on_task_event(
    event: Event[TaskEvent], feed: CurrentFeed, session: Annotated[Session, Depends(inbox.session)]
) -> None:
    logger.info("TASK EVENT RECEIVED")
    logger.info("Event: %s (task %d)", event.data.action, event.data.task_id)
    notification = Notification(
        event_id=event.id,
        source=event.source,
        action=event.data.action,
        task_id=event.data.task_id,
        data=event.data.data,
    )
    feed.add(session, notification)
