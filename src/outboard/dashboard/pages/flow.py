"""*Flow*: the live graph of apps and topics, with rates and failures; what is wired wrongly stands out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outboard.dashboard.pages.page import DashboardPage
from outboard.dashboard.server.dashboard import Dashboard
from outboard.dashboard.views.flow_page import FlowPage, Lags, flow_page
from outboard.runs.finding import KnownRun

__all__ = ["FLOW"]

PULSE: Final = 1.0
"""Seconds after which rates are looked at anew, also when nothing comes any more."""


def _routes(dashboard: Dashboard) -> Sequence[BaseRoute]:
    watch = dashboard.watch

    def lags_of(run: KnownRun) -> Lags:
        return dashboard.examiner.walk(run, with_hops=False).lags

    async def view() -> FlowPage:
        now = watch.clock.now().timestamp()
        lags = {key: lag for run in watch.runs if run.is_live for key, lag in lags_of(run).items()}
        return flow_page(watch.feed.rates.counts(now), await watch.wirings(), lags)

    async def page(request: Request) -> Response:
        await watch.refresh()
        return await dashboard.page(request, "flow.html", {"flow": await view()})

    async def stream(_request: Request) -> Response:
        async def render() -> str:
            return dashboard.templates.render("flow_graph.html", {"flow": await view()})

        return dashboard.stream(render, PULSE)

    return (Route("/flow", page), Route("/flow/stream", stream))


FLOW: Final = DashboardPage("/flow", "Flow", _routes)
