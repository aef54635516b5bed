"""Handlers whose first call of a kind the log is told of."""

from __future__ import annotations

from outboard.sidecar.api.http.messages import ApiRequest, Reply
from outboard.sidecar.api.http.routes import Handler
from outboard.sidecar.api.unserved_calls import UnservedCalls

__all__ = ["telling"]


def telling(calls: UnservedCalls, kind: str, handler: Handler) -> Handler:
    """`handler`, before which `calls` is told of a call of `kind`, a phrase."""

    async def handle(request: ApiRequest) -> Reply:
        calls.tell(kind, f"{request.method} {request.raw_path}")
        return await handler(request)

    return handle
