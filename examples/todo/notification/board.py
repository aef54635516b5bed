"""What the notification service declares to Dapr, and to its database."""

from __future__ import annotations

import os
from typing import Final

from database import Database
from events import PUBSUB, TASK_EVENTS, TaskEvent
from notification.models import Base
from outboard import Outboard

DEFAULT_URL: Final = "sqlite:///notifications.db"

database = Database(os.environ.get("DATABASE_URL", DEFAULT_URL))
board = Outboard(pubsub=os.environ.get("DAPR_PUBSUB_NAME", PUBSUB))
task_events = board.topic(TASK_EVENTS, TaskEvent)
inbox = board.inbox(database.engine, metadata=Base.metadata)
letters = board.dead_letters(database.engine, metadata=Base.metadata)
