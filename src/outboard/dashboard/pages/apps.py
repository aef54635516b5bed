"""*Apps*: whether each is well, its ports, what it subscribes to; its log; published to, or started anew."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from outboard.dashboard.pages.page import DashboardPage
from outboard.dashboard.server.dashboard import Dashboard
from outboard.dashboard.server.forms import form_of
from outboard.dashboard.views.app_state import AppState
from outboard.dashboard.views.apps_page import app_cards, why_no_restart
from outboard.dashboard.views.log_lines import SOURCES, LogFilter, LogLevel, LogRow, log_rows, naming
from outboard.dashboard.views.publish_form import publish_form
from outboard.runs.finding import KnownRun
from outboard.runs.restarts import ask_restart, is_restart_asked

__all__ = ["APPS"]

PULSE: Final = 1.0
MOST_OF_EVENT: Final = 30
"""Lines of each log that are shown beside an event."""
TRACE_ID: Final = re.compile("00-([0-9a-f]{32})-")
MOST_LINES: Final = 400
UNTIL_TAKEN: Final = 5.0
"""Seconds within which a run takes a request: it looks several times a second."""
POLL: Final = 0.1
LEVELS: Final = {
    LogLevel.ALL: "all",
    LogLevel.INFO: "info and worse",
    LogLevel.WARN: "warnings and worse",
    LogLevel.ERROR: "errors",
}


def _routes(dashboard: Dashboard) -> Sequence[BaseRoute]:
    async def values() -> dict[str, object]:
        return {"cards": app_cards(await dashboard.states.get())}

    async def page(request: Request) -> Response:
        return await dashboard.page(request, "apps.html", await values())

    async def stream(_request: Request) -> Response:
        async def render() -> str:
            return dashboard.templates.render("apps_cards.html", await values())

        return dashboard.stream(render, PULSE)

    async def publish_page(request: Request) -> Response:
        asked = {name: request.query_params.get(name, "") for name in ("app", "pubsub", "topic")}
        await dashboard.watch.refresh()
        wirings = [state.wiring for state in await dashboard.states.get()]
        form = publish_form(asked, wirings, dashboard.watch.feed)
        return await dashboard.page(request, "apps_publish.html", {"form": form})

    async def restart(request: Request) -> Response:
        form = await form_of(request)
        problem = await _restarted(dashboard, form.get("run", ""), form.get("app", ""))
        shown: dict[str, object] = {"problem": problem, "app_id": form.get("app", "")}
        if "hx-request" in request.headers:
            return HTMLResponse(dashboard.templates.render("apps_restarted.html", shown))
        if problem:
            return await dashboard.page(request, "problem.html", shown, 400)
        return RedirectResponse(APPS.path, 303)

    return (
        Route("/apps", page),
        Route("/apps/stream", stream),
        Route("/apps/publish", publish_page),
        Route("/apps/restart", restart, methods=["POST"]),
        *_log_routes(dashboard),
    )


def _log_routes(dashboard: Dashboard) -> Sequence[BaseRoute]:
    async def live(wanted: LogFilter) -> dict[str, object]:
        run = _run_of(dashboard, wanted.app)
        lines = await dashboard.logs.lines(run, wanted.app, wanted.source) if run else ()
        rows = log_rows(lines, wanted, MOST_LINES)
        return {"filter": wanted, "rows": rows, "known": len(lines), "has_run": run is not None}

    async def page(request: Request) -> Response:
        wanted = LogFilter.of(request.query_params)
        await dashboard.watch.refresh()
        apps = [app.app_id for run in dashboard.watch.runs for app in run.record.apps]
        choices = {"apps": list(dict.fromkeys(apps)), "levels": LEVELS, "most": MOST_LINES}
        response = await dashboard.page(request, "apps_logs.html", {**await live(wanted), **choices})
        response.headers["hx-replace-url"] = f"/apps/logs{wanted.query}"
        return response

    async def stream(request: Request) -> Response:
        wanted = LogFilter.of(request.query_params)

        async def render() -> str:
            shown = {**await live(wanted), "most": MOST_LINES}
            return dashboard.templates.render("apps_log_lines.html", shown)

        return dashboard.stream(render, PULSE)

    async def of_event(request: Request) -> Response:
        event_id = request.query_params.get("id", "")
        await dashboard.watch.refresh()
        shown = {"event_id": event_id, "rows": await _lines_naming(dashboard, event_id)}
        if "hx-request" in request.headers:
            return HTMLResponse(dashboard.templates.render("apps_event_lines.html", shown))
        return await dashboard.page(request, "apps_event_lines_page.html", shown)

    return (
        Route("/apps/logs", page),
        Route("/apps/logs/stream", stream),
        Route("/apps/lines", of_event),
    )


async def _lines_naming(dashboard: Dashboard, event_id: str) -> Sequence[LogRow]:
    """Of all logs, those that name the event or its trace: each log by itself, in its order."""
    ids = {event_id}
    for story in dashboard.watch.feed.stories_of(event_id):
        ids |= {found.group(1) for found in [TRACE_ID.match(story.event.traceparent)] if found}
    rows: list[LogRow] = []
    for run in dashboard.watch.runs:
        for app in run.record.apps:
            for source in SOURCES:
                lines = await dashboard.logs.lines(run, app.app_id, source)
                rows += naming(ids, lines, app.app_id, source, MOST_OF_EVENT)
    return rows


def _run_of(dashboard: Dashboard, app_id: str) -> KnownRun | None:
    """That in which the app is; of several, one that runs."""
    found = [run for run in dashboard.watch.runs if run.record.app(app_id) is not None]
    return next((run for run in found if run.is_live), found[0] if found else None)


async def _restarted(dashboard: Dashboard, run_id: str, app_id: str) -> str:
    """Ask the run of the app, and wait until it obeys: empty, or a sentence on why it does not."""
    state = _state(await dashboard.states.get(), run_id, app_id)
    if state is None:
        return f"There is no app {json.dumps(app_id)} that `outboard run` has started."
    if problem := why_no_restart(state):
        return problem
    folder = next(run.path for run in dashboard.watch.runs if run.record.run_id == run_id)
    clock = dashboard.watch.clock
    ask_restart(folder, app_id)
    deadline = clock.monotonic() + UNTIL_TAKEN
    while await asyncio.to_thread(is_restart_asked, folder, app_id):
        if clock.monotonic() >= deadline:
            return (
                f"The run was asked, and has not obeyed within {UNTIL_TAKEN:g} s: it may be busy, or ending."
            )
        await clock.sleep(POLL)
    return ""


def _state(states: Sequence[AppState], run_id: str, app_id: str) -> AppState | None:
    return next(
        (
            state
            for state in states
            if state.app is not None and (state.app.run_id, state.app.app_id) == (run_id, app_id)
        ),
        None,
    )


APPS: Final = DashboardPage("/apps", "Apps", _routes)
