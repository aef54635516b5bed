"""What a board serves beside the handlers: its subscriptions, the canaries that came, and health."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from outboard.errors import DeclarationError
from outboard.kit.causation import RequestCauseMiddleware
from outboard.kit.shown_record import ShownRecord
from outboard.kit.streaming.streams import Streams
from outboard.kit.subscriptions.authentication import refusal
from outboard.kit.subscriptions.neighbours import add_in_front, leave_to_the_app
from outboard.kit.subscriptions.registry import Registry
from outboard.wire.canary import CANARIES_PATH
from outboard.wire.dapr import SUBSCRIBE_PATH
from outboard.wire.shown_record import RECORD_PATH

__all__ = ["BoardEndpoints"]

log: Final = logging.getLogger("outboard.subscriptions")


@dataclass(frozen=True)
class BoardEndpoints:
    """The endpoints of a board. Those for the sidecar and doctor ask for `token`, if any. Its `record` is
    shown where there is one.
    """

    registry: Registry
    streams: Streams
    token: str
    record: ShownRecord | None

    def mount(self, app: FastAPI, health_path: str | None) -> None:
        """Serve them, once. Raises as `Registry.mount`."""
        if self.registry.is_mounted(app):
            return
        if health_path is not None:
            add_in_front(app, health_path, _health)
        add_in_front(app, CANARIES_PATH, self._canaries)
        if self.record is not None:
            add_in_front(app, RECORD_PATH, self.record.answer)
        add_in_front(app, SUBSCRIBE_PATH, self._subscriptions)
        app.add_middleware(RequestCauseMiddleware, randbytes=os.urandom)
        self.streams.mount(app)
        self.registry.mount(app)

    def check(self, app: FastAPI) -> None:
        """Before the app serves.

        Raises NotMounted, RouterNotIncluded, DuplicateSubscription, HandlerUnsuitable.
        """
        self.registry.check(app)
        self.streams.check(app)
        leave_to_the_app(app, _health)

    async def _subscriptions(self, request: Request) -> Response:
        if answer := refusal(request.scope, self.token):
            return answer
        try:
            streaming = self.streams.bring_events
            told = await self.registry.told(request, self._subscriptions, is_streaming=streaming)
            return JSONResponse(told)
        except DeclarationError as error:
            log.error("the sidecar is told of no subscription: %s", error)  # noqa: TRY400 - it says where
            return JSONResponse({"error": str(error)}, 500)

    async def _canaries(self, request: Request) -> Response:
        answer = refusal(request.scope, self.token)
        return answer or JSONResponse({"canaries": self.registry.canaries.come})


async def _health() -> dict[str, str]:
    return {"status": "ok"}
