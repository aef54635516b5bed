"""The FastAPI route of a handler.

A plain route would acknowledge too early: the exit of a dependency with `yield`, where a session commits,
may run after the answer was sent. So the route serves each event as a request within the request, whose
answer is kept back, and answers the sidecar when everything of it has ended.
"""

from __future__ import annotations

import logging
from typing import Final

from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from outboard.errors import HandlerUnsuitable
from outboard.kit.subscriptions.consumer import Consumer
from outboard.kit.subscriptions.guard import is_invocation, is_token_right

__all__ = ["BODY_ADVICE", "refusal", "subscription_route"]

log: Final = logging.getLogger("outboard.subscriptions")

BODY_ADVICE: Final = (
    "The body of the request is the event. In a dependency, take it with "
    "`event: Annotated[Event[YourModel], Depends(outboard.current_event)]`; anything else that looks like "
    "a body to FastAPI needs `Depends`, `Query` or `Header`"
)


def refusal(scope: Scope, app_token: str) -> Response | None:
    """The answer to a request that does not come from the sidecar; None for one that may pass.

    daprd takes 401 and 403 as failures to deliver, so that no event is lost by a wrong token.
    """
    if not is_token_right(scope["headers"], app_token):
        log.warning("a request to %s was refused: its dapr-api-token is not APP_API_TOKEN", scope["path"])
        return JSONResponse({"error": "the dapr-api-token is missing or wrong"}, 401)
    return None


def subscription_route(consumer: Consumer, app_token: str) -> type[APIRoute]:
    """A class of routes that let `consumer` take what is posted to them.

    One class for each handler, because including a router makes new routes of the class, in FastAPI < 0.137.
    """

    class SubscriptionRoute(APIRoute):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]
            if self.body_field is not None:
                problem = f"has parameters that FastAPI reads from the body ({self.body_field.name})"
                raise HandlerUnsuitable(consumer.declaration.place, problem, BODY_ADVICE)

        async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["method"] != "POST":
                await super().handle(scope, receive, send)
                return
            answer = _refuse_forged(scope) or refusal(scope, app_token)
            if answer is None:
                request = Request(scope, receive)
                try:
                    body = await request.body()
                except ClientDisconnect:
                    return  # nobody is left to be answered; the sidecar delivers again
                status = await consumer.consume(scope, request.headers, body, super().handle)
                answer = JSONResponse({"status": status})
            await answer(scope, receive, send)

    return SubscriptionRoute


def _refuse_forged(scope: Scope) -> Response | None:
    if not is_invocation(scope["headers"]):
        return None
    log.warning("a request to %s was refused: it came by service invocation", scope["path"])
    return JSONResponse({"error": "events are delivered by pub/sub, not by service invocation"}, 403)
