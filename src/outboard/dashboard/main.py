"""The dashboard put together: the only place that knows all of its parts."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final, NamedTuple

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from outboard.clock import SystemClock
from outboard.dashboard.pages.registry import HOME, PAGES
from outboard.dashboard.security.access import AccessRules
from outboard.dashboard.security.entrance import Entrance
from outboard.dashboard.server.dashboard import Dashboard
from outboard.dashboard.server.gate import STATIC, TOKEN, Gate
from outboard.dashboard.server.rendering import STATIC_FOLDER, NavigationItem, Templates
from outboard.dashboard.server.serving import bound, serve
from outboard.dashboard.server.spans import span_routes
from outboard.dashboard.watching import Watch, WatchedRuns
from outboard.errors import OutboardError
from outboard.host.event_loop import new_event_loop
from outboard.runs.spans import SpanDestination

__all__ = ["ServedAt", "application", "run_dashboard"]

TOKEN_BYTES: Final = 24
OTLP_LIBRARY: Final = "opentelemetry.proto"
ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::", ""})


class ServedAt(NamedTuple):
    """`url` has the token that works once. `spans` is where spans are taken, None where no library is there
    to read them.
    """

    url: str
    spans: SpanDestination | None


def run_dashboard(
    watched: WatchedRuns, host: str, port: int, started: Callable[[ServedAt], None], span_token: str = ""
) -> None:
    """Serve until a signal asks to stop. `started` gets the addresses. Spans are taken with `span_token`,
    a new one where it is empty.

    Raises CommandError, PortTaken, ExtraMissing where Jinja2 is not installed.
    """
    watched.now()  # what cannot be looked at is told at once
    token = secrets.token_urlsafe(TOKEN_BYTES)
    listener = bound(host, port)
    own_port = listener.getsockname()[1]
    names = frozenset({host.lower(), socket.gethostname().lower()} - ANY_ADDRESS)
    entrance = Entrance(token, lambda: secrets.token_urlsafe(TOKEN_BYTES))
    watch = Watch(watched, SystemClock())
    span_token = span_token or secrets.token_urlsafe(TOKEN_BYTES)
    app = application(watch, AccessRules(names), entrance, f"outboard-{own_port}", span_token)
    own = f"http://{_shown(host)}:{own_port}"
    spans = SpanDestination.of(own, span_token) if find_spec(OTLP_LIBRARY) else None
    address = ServedAt(f"{own}/?{TOKEN}={token}", spans)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(app, listener, lambda: started(address), watch.end))


def application(
    watch: Watch, rules: AccessRules, entrance: Entrance, cookie: str, span_token: str = ""
) -> Gate:
    """The dashboard as an ASGI app; without a `span_token` it takes no spans."""
    templates = Templates([NavigationItem(page.title, page.path) for page in PAGES if page.title])
    dashboard = Dashboard(watch, templates)

    async def home(_request: Request) -> Response:
        return RedirectResponse(HOME, 303)

    async def refused(request: Request, error: Exception) -> Response:
        return await dashboard.page(request, "problem.html", {"problem": str(error)}, 503)

    async def unknown(request: Request, _error: Exception) -> Response:
        return await dashboard.page(request, "problem.html", {"problem": "There is no such page."}, 404)

    routes = [
        Route("/", home),
        Mount(STATIC.rstrip("/"), StaticFiles(directory=STATIC_FOLDER)),
        *span_routes(watch.feed),
        *(route for page in PAGES for route in page.routes(dashboard)),
    ]
    handlers = {OutboardError: refused, OSError: refused, 404: unknown}
    app = Starlette(routes=routes, exception_handlers=handlers)
    return Gate(app, rules, entrance, templates, cookie, span_token)


def _shown(host: str) -> str:
    """A host as an address of it has it: of all addresses, that of this machine."""
    if host in ANY_ADDRESS:
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
