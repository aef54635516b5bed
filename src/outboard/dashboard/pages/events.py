"""*Events*: a live table of all events, and filters that live in the address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from outboard.dashboard.pages.page import DashboardPage
from outboard.dashboard.saved_filters import SavedFilters, saved_filters_file
from outboard.dashboard.server.dashboard import Dashboard
from outboard.dashboard.server.forms import form_of
from outboard.dashboard.views.filters import EventFilter, WantedOutcome
from outboard.dashboard.views.rows import EventRow
from outboard.errors import OutboardError

__all__ = ["EVENTS", "MOST_ROWS"]

MOST_ROWS: Final = 200
AT_ONCE: Final = 200
"""Events that are looked at without a pause: a fiftieth of a second where none was looked at before."""
OUTCOMES: Final = {
    WantedOutcome.ANY: "any",
    WantedOutcome.WELL: "handled",
    WantedOutcome.FAILED: "failed",
    WantedOutcome.WAITING: "on its way",
    WantedOutcome.TROUBLED: "any step failed",
}


def _routes(dashboard: Dashboard) -> Sequence[BaseRoute]:
    feed = dashboard.watch.feed
    saved = SavedFilters(saved_filters_file(dashboard.watch.watched.places.home))

    async def live(wanted: EventFilter) -> dict[str, object]:
        """Others are answered meanwhile: to look through all that is known may take seconds, once."""
        rows: list[EventRow] = []
        for number, row in enumerate(feed.rows(), 1):
            if wanted.takes(row):
                rows.append(row)
            if len(rows) == MOST_ROWS:
                break
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
        return {"filter": wanted, "rows": rows, "known": len(feed), "most": MOST_ROWS}

    async def page(request: Request) -> Response:
        wanted = EventFilter.of(request.query_params)
        await dashboard.watch.refresh()
        choices = {"topics": feed.topics, "apps": feed.apps, "outcomes": OUTCOMES, "saved": saved.all()}
        response = await dashboard.page(request, "events.html", {**await live(wanted), **choices})
        response.headers["hx-replace-url"] = EVENTS.path + wanted.query
        return response

    async def stream(request: Request) -> Response:
        wanted = EventFilter.of(request.query_params)

        async def render() -> str:
            return dashboard.templates.render("events_rows.html", await live(wanted))

        return dashboard.stream(render)

    async def filters(request: Request) -> Response:
        """What is saved, and a form for the filter in the query."""
        asked = EventFilter.of(request.query_params).but(paused=False)
        return await dashboard.page(request, "events_filters.html", {"filter": asked, "saved": saved.all()})

    async def change_filters(request: Request) -> Response:
        form = await form_of(request)
        asked = EventFilter.of(dict(parse_qsl(form.get("query", "").removeprefix("?")))).but(paused=False)
        try:
            if form.get("forget"):
                saved.forget(form["forget"])
                return RedirectResponse("/events/filters", 303)
            saved.save(form.get("name", ""), asked.query)
        except OutboardError as error:
            return await dashboard.page(request, "problem.html", {"problem": str(error)}, 400)
        return RedirectResponse(EVENTS.path + asked.query, 303)

    return (
        Route("/events", page),
        Route("/events/stream", stream),
        Route("/events/filters", filters),
        Route("/events/filters", change_filters, methods=["POST"]),
    )


EVENTS: Final = DashboardPage("/events", "Events", _routes)
