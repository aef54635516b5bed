"""A sidecar that answers from a script, and a clock that nobody waits for."""

from __future__ import annotations

import json
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from outboard.wire.http import ExchangeFailed, Request, Response

__all__ = ["FakeClock", "ScriptedExchange"]


class FakeClock:
    """Sleeping moves it on."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class ScriptedExchange:
    """Answers with what stands in `answers`, then with 204; keeps every request."""

    def __init__(self) -> None:
        self.answers: deque[Response | ExchangeFailed] = deque()
        self.requests: list[Request] = []
        self.timeouts: list[float | None] = []

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        self.requests.append(request)
        self.timeouts.append(timeout)
        answer = self.answers.popleft() if self.answers else Response(204)
        if isinstance(answer, ExchangeFailed):
            raise answer
        return answer

    @property
    def events(self) -> list[dict[str, Any]]:
        """What was published, alone or in bulk."""
        bodies = [json.loads(request.body) for request in self.requests if "/publish/" in request.target]
        return [
            event
            for body in bodies
            for event in ([entry["event"] for entry in body] if isinstance(body, list) else [body])
        ]

    @property
    def topics(self) -> list[str]:
        """Where it was published to."""
        paths = [urlsplit(request.target).path for request in self.requests if "/publish/" in request.target]
        return [unquote(path.rpartition("/")[2]) for path in paths]

    def query(self, index: int = -1) -> dict[str, str]:
        """The query of a request."""
        return dict(parse_qsl(urlsplit(self.requests[index].target).query))
