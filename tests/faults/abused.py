"""A sidecar that is sent what nobody should send, and the app beside it, which takes all that arrives."""

from __future__ import annotations

import http.client
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from faults.recorder import Recorder
from faults.sidecars import Beside
from support.processes import eventually

__all__ = ["TOPICS", "Abused", "ask"]

TOPICS = [
    "../x",
    "a/b",
    "b",
    "/",
    "a?b",
    "a#b",
    "a\0b",
    "a b",
    "a||b",
    "n" * 300,
    "事",
    "v\N{CYRILLIC SMALL LETTER A}ult",
    "%2F",
    "orders",
    "vault",
]


@dataclass(frozen=True)
class Abused:
    """A sidecar that is abused, and the app beside it, which takes everything that arrives."""

    sidecar: Beside
    recorder: Recorder
    is_daprd: bool

    def arrived(self) -> list[tuple[str, Any]]:
        """Topic and data of all that has arrived since this was asked last."""
        mark = str(uuid4())
        open_topics = [topic for topic in TOPICS if topic != "vault"]
        for topic in open_topics:
            self.sidecar.publish(quote(topic, safe=""), mark)
        for topic in open_topics:
            eventually(partial(self._has, topic, mark), partial("{} is stuck".format, topic))
        taken, self.recorder.taken[:] = list(self.recorder.taken), []
        return [(each.topic, each.event["data"]) for each in taken if mark not in each.body.decode()]

    def _has(self, topic: str, mark: str) -> bool:
        return any(mark in each.body.decode() for each in self.recorder.of(topic))


def ask(sidecar: Beside, method: str, target: str, body: bytes | None = None) -> tuple[int, bytes]:
    """A request whose target nobody tidies up on its way."""
    connection = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    try:
        connection.request(method, target, body, {"content-type": "application/json"} if body else {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
