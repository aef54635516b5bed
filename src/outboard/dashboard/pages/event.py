"""One event: its timeline, its conversation, its data; published again, or copied as a command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from outboard.dashboard.pages.page import DashboardPage
from outboard.dashboard.server.dashboard import Dashboard
from outboard.dashboard.server.forms import form_of
from outboard.dashboard.views.event_page import EventPage, event_page
from outboard.dashboard.views.event_spans import spans_asked
from outboard.errors import OutboardError
from outboard.live.publishing import PublishedByHand, ToPublish, publish
from outboard.live.routing_output import route_lines

__all__ = ["EVENT"]


def _routes(dashboard: Dashboard) -> Sequence[BaseRoute]:
    watch = dashboard.watch

    async def view(event_id: str) -> EventPage | None:
        own = watch.feed.stories_of(event_id)
        if not own:
            return None
        correlation_id = own[0].event.correlation_id
        others = watch.feed.conversation(correlation_id) if correlation_id else own
        traces, ids = spans_asked(others)
        spans = watch.feed.spans.about(traces, ids, correlation_id)
        mask = await dashboard.logs.mask(watch.runs) if spans else str
        return event_page(own, others, _sidecars(dashboard), spans, mask)

    async def page(request: Request) -> Response:
        await watch.refresh()
        asked = request.query_params.get("id", "")
        found = await view(watch.feed.whole_id(asked))
        if found is None:
            return await dashboard.page(request, "event_unknown.html", {"asked": asked}, 404)
        return await dashboard.page(request, "event.html", {"event": found})

    async def stream(request: Request) -> Response:
        event_id = request.query_params.get("id", "")

        async def render() -> str:
            found = await view(event_id)
            return "" if found is None else dashboard.templates.render("event_story.html", {"event": found})

        return dashboard.stream(render)

    async def publish_again(request: Request) -> Response:
        form = await form_of(request)
        said = {name: form.get(name, "").strip() for name in ("topic", "pubsub", "key", "type")}
        data = form.get("data", "").replace("\r\n", "\n")
        wanted = ToPublish(said["topic"], data.encode(), said["pubsub"], key=said["key"], type=said["type"])
        done: PublishedByHand | None = None
        problem = ""
        try:
            done = await publish(wanted, watch.places())
        except OutboardError as error:
            problem = str(error)
        lines = [] if done is None else route_lines(done.routes, explain=False)
        values: dict[str, object] = {"done": done, "problem": problem, "lines": lines}
        if "hx-request" in request.headers:
            return HTMLResponse(dashboard.templates.render("event_published.html", values))
        status = 400 if problem else 200
        return await dashboard.page(request, "event_published_page.html", values, status)

    return (
        Route("/event", page),
        Route("/event/stream", stream),
        Route("/event/publish", publish_again, methods=["POST"]),
    )


def _sidecars(dashboard: Dashboard) -> dict[str, str]:
    """The addresses of the sidecars that run, by app."""
    return {
        app.app_id: f"http://localhost:{app.http_port}"
        for run in dashboard.watch.runs
        if run.is_live
        for app in run.record.apps
        if app.http_port
    }


EVENT: Final = DashboardPage("/event", "", _routes)
