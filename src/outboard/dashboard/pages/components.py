"""*Components*: which are loaded, which are not and why, and what `outboard check` finds in their files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outboard.dashboard.pages.page import DashboardPage
from outboard.dashboard.server.dashboard import Dashboard
from outboard.dashboard.views.components_page import components_page

__all__ = ["COMPONENTS"]

PULSE: Final = 1.0


def _routes(dashboard: Dashboard) -> Sequence[BaseRoute]:
    async def values() -> dict[str, object]:
        states = await dashboard.states.get()
        runs = dashboard.watch.runs
        checked = await dashboard.checks.of_runs(runs)
        walks = [dashboard.examiner.walk(run, with_hops=False) for run in runs]
        diagnoses = [walk.diagnosis for walk in walks if walk.diagnosis is not None]
        shown = components_page(states, diagnoses, checked.report)
        is_waiting = any(not walk.whole and not walk.problem for walk in walks)
        return {"components": shown, "problem": checked.problem, "is_waiting": is_waiting}

    async def page(request: Request) -> Response:
        return await dashboard.page(request, "components.html", await values())

    async def stream(_request: Request) -> Response:
        async def render() -> str:
            return dashboard.templates.render("components_found.html", await values())

        return dashboard.stream(render, PULSE)

    return (Route("/components", page), Route("/components/stream", stream))


COMPONENTS: Final = DashboardPage("/components", "Components", _routes)
