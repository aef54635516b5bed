"""What the backend declares to Dapr and to its database. Connections are opened by the lifespan alone."""

from __future__ import annotations

import os
from typing import Final

from backend.models import Base
from database import Database
from events import PUBSUB, TASK_EVENTS, TaskEvent
from outboard import Outboard, Outbox

DEFAULT_URL: Final = "sqlite:///todo.db"

database = Database(os.environ.get("DATABASE_URL", DEFAULT_URL))
outbox = Outbox(database.engine, metadata=Base.metadata)
board = Outboard(pubsub=os.environ.get("DAPR_PUBSUB_NAME", PUBSUB), outbox=outbox)
task_events = board.topic(TASK_EVENTS, TaskEvent)
