"""What the notification service declares to Dapr."""

from __future__ import annotations

import os

from events import PUBSUB, TASK_EVENTS, TaskEvent
from outboard import Outboard

board = Outboard(pubsub=os.environ.get("DAPR_PUBSUB_NAME", PUBSUB))
task_events = board.topic(TASK_EVENTS, TaskEvent)
