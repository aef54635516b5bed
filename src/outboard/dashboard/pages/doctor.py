"""*Doctor*: the walk of `outboard doctor` along the way of an event, hop by hop, again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outboard.dashboard.pages.page import DashboardPage
from outboard.dashboard.server.dashboard import Dashboard
from outboard.dashboard.views.doctor_page import walk_view
from outboard.dashboard.views.moments import moment

__all__ = ["DOCTOR"]

PULSE: Final = 0.3


def _routes(dashboard: Dashboard) -> Sequence[BaseRoute]:
    def values() -> dict[str, object]:
        walks = [(run, dashboard.examiner.walk(run)) for run in dashboard.watch.runs]
        shown = [
            {
                "run_id": run.record.run_id,
                "apps": [app.app_id for app in run.record.apps],
                "walk": walk_view(walk.diagnosis, whole=walk.whole),
                "at": moment(walk.at.timestamp()) if walk.at else None,
                "problem": walk.problem,
            }
            for run, walk in walks
        ]
        return {"walks": shown}

    async def page(request: Request) -> Response:
        await dashboard.watch.refresh()
        return await dashboard.page(request, "doctor.html", values())

    async def stream(_request: Request) -> Response:
        async def render() -> str:
            return dashboard.templates.render("doctor_walks.html", values())

        return dashboard.stream(render, PULSE)

    return (Route("/doctor", page), Route("/doctor/stream", stream))


DOCTOR: Final = DashboardPage("/doctor", "Doctor", _routes)
