"""What several groups are made of."""

from __future__ import annotations

from conformance.question import (
    Ask,
    ask,
)
from conformance.questions.files import component
from outboard.gojson.values import Json

__all__ = ["DISCOVERY", "JSON", "PUBSUB", "STATE", "published"]

JSON = "application/json"


PUBSUB = component("ps", "pubsub.in-memory")


STATE = component("mem", "state.in-memory")


DISCOVERY = ("/dapr/config", "/dapr/subscribe")


def published(topic: str, pubsub: str = "ps", **event: Json) -> Ask:
    return ask("POST", f"/v1.0/publish/{pubsub}/{topic}", {"a": 1, **event}, content_type=JSON)
