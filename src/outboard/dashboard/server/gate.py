"""The gate: each request passes it before any page sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outboard.dashboard.security.access import AccessRules
from outboard.dashboard.security.entrance import Entrance, Entry, is_same_secret
from outboard.dashboard.security.response_headers import RESPONSE_HEADERS
from outboard.dashboard.server.rendering import Templates
from outboard.dashboard.server.spans import refusing
from outboard.runs.spans import SPAN_TOKEN, TRACES

__all__ = ["STATIC", "TOKEN", "Gate"]

STATIC: Final = "/static/"
"""Files of the package, which are no secret: the page at the locked door has a style, too."""
TOKEN: Final = "token"
REASONS: Final = {
    Entry.USED: "This address was used before: it works once. Whoever opened it looks at the dashboard now.",
    Entry.WRONG: "The token in this address is not that of this dashboard.",
}
NO_SESSION: Final = "This browser has not opened the dashboard yet, or the dashboard was started anew."


@dataclass(frozen=True, slots=True)
class Gate:
    """An ASGI app around `app`. `cookie` is the name of the cookie, another one for each port: a browser does
    not tell the ports of a machine apart. Programs that send spans have `span_token` in a header; with none
    here, nobody may.
    """

    app: ASGIApp
    rules: AccessRules
    entrance: Entrance
    templates: Templates
    cookie: str
    span_token: str = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the dashboard serves no {scope['type']}")
        request = Request(scope)
        response = self._stopped(request)
        await (response or self.app)(scope, receive, _with_headers(send, scope["path"]))

    def _stopped(self, request: Request) -> Response | None:
        """What is answered in the place of the page; None where the request passes."""
        if request.url.path == TRACES:
            return self._exporter_stopped(request)
        refusal = self.rules.refusal(request.method, request.headers)
        if refusal:
            return PlainTextResponse(f"{refusal}\n", 403)
        if request.url.path.startswith(STATIC):
            return None
        if TOKEN in request.query_params and request.method == "GET":
            return self._entering(request.query_params[TOKEN])
        if self.entrance.knows(request.cookies.get(self.cookie, "")):
            return None
        return self._locked(NO_SESSION)

    def _exporter_stopped(self, request: Request) -> Response | None:
        if refusal := self.rules.exporter_refusal(request.headers):
            return refusing(request, 403, refusal)
        if self.span_token and is_same_secret(request.headers.get(SPAN_TOKEN, ""), self.span_token):
            return None
        return refusing(request, 401, f"The header {SPAN_TOKEN} does not have the token of this dashboard.")

    def _entering(self, token: str) -> Response:
        """A page that goes on by itself: a browser that comes from elsewhere would not send a strict cookie
        after a redirect.
        """
        entry, session = self.entrance.enter(token)
        if entry is not Entry.OPENED:
            return self._locked(REASONS[entry])
        response = HTMLResponse(self.templates.render("entering.html", {}))
        response.set_cookie(self.cookie, session, httponly=True, samesite="strict")
        return response

    def _locked(self, reason: str) -> Response:
        return HTMLResponse(self.templates.render("locked.html", {"reason": reason}), 401)


def _with_headers(send: Send, path: str) -> Send:
    """A browser keeps none of what is shown; the files of the package it may keep, as their names change."""
    caching = "max-age=31536000, immutable" if path.startswith(STATIC) else "no-store"

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = {**RESPONSE_HEADERS, "cache-control": caching}
            kept = [pair for pair in message.get("headers", ()) if pair[0].decode("latin-1") not in added]
            own = [(name.encode(), value.encode()) for name, value in added.items()]
            message = {**message, "headers": [*kept, *own]}
        await send(message)

    return sending
