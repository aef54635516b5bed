"""*Outbox*: what waits to be published and since when, keys that are held, who relays, and what is parked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outboard.dashboard.databases import KnownDatabase
from outboard.dashboard.letters import KnownLetters
from outboard.dashboard.pages.page import DashboardPage
from outboard.dashboard.server.dashboard import Dashboard
from outboard.dashboard.server.pacing import Paced
from outboard.dashboard.views.letter_query import LettersAsked
from outboard.dashboard.views.outbox_page import OutboxView, RelayRow, outbox_view
from outboard.errors import OutboardError
from outboard.kit.outbox.lease import holder_of
from outboard.kit.outbox.port import Depth
from outboard.live.outboxes import outbox_statuses

__all__ = ["OUTBOX"]

PULSE: Final = 1.0
TABLE: Final = "outbox"


def _routes(dashboard: Dashboard) -> Sequence[BaseRoute]:
    watch, letters = dashboard.watch, KnownLetters(dashboard.watch)

    async def seen() -> dict[str, object]:
        databases = [each for each in await letters.databases() if "outbox" in each.holds]
        found = await asyncio.gather(*(_look(letters, each) for each in databases))
        return {"outboxes": [each for each in found if each is not None]}

    async def page(request: Request) -> Response:
        await watch.refresh()
        return await dashboard.page(request, "outbox.html", await seen())

    async def stream(_request: Request) -> Response:
        async def render() -> str:
            return dashboard.templates.render("outbox_found.html", await seen())

        return dashboard.stream(Paced(render, watch.clock), PULSE)

    return (Route("/outbox", page), Route("/outbox/stream", stream))


async def _look(letters: KnownLetters, database: KnownDatabase) -> OutboxView | None:
    """None where a database that a person named has no outbox, but letters."""
    named = (database.id, ", ".join(database.app_ids) or database.shown, database.shown)
    try:
        found = {each.table: each for each in await outbox_statuses(database.url)}
        status = found.get(f"{database.prefix or ''}{TABLE}")
        if status is None:
            return None
        parked = await letters.parked(database) if status.depth.parked else ()
    except OutboardError as error:
        if database.prefix is not None and not database.app_ids:
            return None  # it was looked into before: there are letters alone
        nothing = outbox_view(named, "", Depth(0, 0, 0.0, 0), 0, (), ())
        return nothing._replace(problem=str(error), asked=LettersAsked(database=database.id))
    relays = [_relay(token, partitions) for token, partitions in status.relays.items()]
    return outbox_view(named, status.table, status.depth, status.held_lanes, relays, parked)


def _relay(token: str, partitions: int) -> RelayRow:
    holder = holder_of(token)
    return RelayRow(str(holder.process) if holder else "unknown", partitions)


OUTBOX: Final = DashboardPage("/outbox", "Outbox", _routes)
