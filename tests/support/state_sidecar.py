"""A sidecar with one state store in memory, which can be made to fail at any request."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import unquote

from outboard.wire.http import Request, Response

__all__ = ["StateSidecar"]

JSON = {"content-type": "application/json"}


class StateSidecar:
    """Keeps what is saved, and what is published. `like_redis` answers a second first write with HTTP 500."""

    def __init__(self, *, like_redis: bool = False, etags: bool = True) -> None:
        self.values: dict[str, tuple[int, bytes]] = {}
        self.published: list[dict[str, Any]] = []
        self.saves = 0
        self.before: Callable[[str], Awaitable[object]] | None = None
        self.after: Callable[[str], object] | None = None
        self._like_redis = like_redis
        self._etags = etags

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        asked = "publish" if "/publish/" in request.target else request.method
        if self.before is not None:
            await self.before(asked)
        answer = self._answer(asked, request)
        if self.after is not None:
            self.after(asked)
        return answer

    def record(self, key: str) -> Any:
        """What lies under `key`."""
        return json.loads(self.values[key][1])

    def put(self, key: str, value: object) -> None:
        """Save `value`, as another process would."""
        version = self.values[key][0] if key in self.values else 0
        self.values[key] = (version + 1, json.dumps(value).encode())

    def _answer(self, asked: str, request: Request) -> Response:
        if asked == "publish":
            self.published.append(json.loads(request.body))
            return Response(204)
        if asked == "GET":
            key = unquote(request.target.partition("?")[0].rpartition("/")[2])
            if key not in self.values:
                return Response(204)
            version, text = self.values[key]
            return Response(200, {**JSON, **({"etag": str(version)} if self._etags else {})}, text)
        (save,) = json.loads(request.body)
        assert save["options"] == {"concurrency": "first-write"}
        there = self.values.get(save["key"])
        if there is not None and save.get("etag") != str(there[0]):
            unmatched = "etag" in save or not self._like_redis
            error = {"errorCode": "ERR_STATE_SAVE", "message": "failed to set key"}
            return Response(409 if unmatched else 500, JSON, json.dumps(error).encode())
        self.put(save["key"], save["value"])
        self.saves += 1
        return Response(204)
