"""The FastAPI route of a handler.

A plain route would acknowledge too early: the exit of a dependency with `yield`, where a session commits,
may run after the answer was sent. So the route serves each event as a request within the request, whose
answer is kept back, and answers the sidecar when everything of it has ended.
"""

from __future__ import annotations

import logging
from typing import Final

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from outboard.kit.subscriptions.consumer import Consumer
from outboard.kit.subscriptions.effective import DirectCalls, refuse_unfit
from outboard.kit.subscriptions.endpoint import HandlerEndpoint
from outboard.kit.subscriptions.guard import is_invocation, is_token_right
from outboard.kit.subscriptions.running import Runner

__all__ = ["refusal", "subscription_route"]

log: Final = logging.getLogger("outboard.subscriptions")


def refusal(scope: Scope, app_token: str) -> Response | None:
    """The answer to a request that does not come from the sidecar; None for one that may pass.

    daprd takes 401 and 403 as failures to deliver, so that no event is lost by a wrong token.
    """
    if not is_token_right(scope["headers"], app_token):
        log.warning("a request to %s was refused: its dapr-api-token is not APP_API_TOKEN", scope["path"])
        return JSONResponse({"error": "the dapr-api-token is missing or wrong"}, 401)
    return None


def subscription_route(
    consumer: Consumer, handler: HandlerEndpoint, direct: DirectCalls, app_token: str
) -> type[APIRoute]:
    """A class of routes that let `consumer` take what is posted to them.

    One class for each handler, because including a router makes new routes of the class, in FastAPI < 0.137.
    """

    class SubscriptionRoute(APIRoute):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]
            refuse_unfit(self, consumer.declaration)

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] != "POST":
                await super().handle(scope, receive, send)
                return
            answer = _refuse_forged(scope) or refusal(scope, app_token)
            if answer is None:
                body = await _read_body(receive)
                if body is None:
                    return  # nobody is left to be answered; the sidecar delivers again
                is_direct = direct.allowed_in(scope.get("app"))
                runner = Runner(handler.call, scope, super().handle, body, is_direct)
                answer = await consumer.consume(Headers(scope=scope), runner)
            await answer(scope, receive, send)

    return SubscriptionRoute


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body of a request; None where the client left."""
    message = await receive()
    parts = []
    while message["type"] == "http.request":
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
    return None


def _refuse_forged(scope: Scope) -> Response | None:
    if not is_invocation(scope["headers"]):
        return None
    log.warning("a request to %s was refused: it came by service invocation", scope["path"])
    return JSONResponse({"error": "events are delivered by pub/sub, not by service invocation"}, 403)
