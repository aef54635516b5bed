"""*State*: the keys of a state store, and what lies under one: edited where nobody else has, or deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from outboard.dashboard.pages.page import DashboardPage
from outboard.dashboard.server.dashboard import Dashboard
from outboard.dashboard.server.forms import form_of
from outboard.dashboard.views.mending import MendedWrongly, mended
from outboard.dashboard.views.state_page import (
    EntryView,
    StoreChoice,
    entry_view,
    key_rows,
    shown_value,
    store_choices,
)
from outboard.errors import EtagInvalid, EtagMismatch, OutboardError
from outboard.kit.client.port import Concurrency
from outboard.live.stores import list_keys, opened
from outboard.wire.sensitive import MASK

__all__ = ["STATE"]

MOST: Final = 500
CONFLICT: Final = (
    "Somebody else has changed it since you opened it: nothing was written. What lies there now stands "
    "first; what you wrote stands below. Write again what is to be there."
)
GONE: Final = (
    "Somebody else has changed it since you opened it: nothing was deleted. It stands here as it is now."
)


def _routes(dashboard: Dashboard) -> Sequence[BaseRoute]:
    page = _StatePage(dashboard)
    return (
        Route("/state", page.keys),
        Route("/state/entry", page.entry),
        Route("/state/save", page.save, methods=["POST"]),
        Route("/state/delete", page.delete, methods=["POST"]),
    )


class _StatePage:
    """Each method answers one address."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard
        self._watch = dashboard.watch

    async def keys(self, request: Request) -> Response:
        choices = await self._choices()
        begin = request.query_params.get("begin", "")
        chosen = _chosen(choices, request.query_params) or (choices[0] if choices else None)
        values: dict[str, object] = {"choices": choices, "chosen": chosen, "begin": begin, "more": False}
        values |= {"keys": (), "problem": "", "prefix": ""}
        if chosen is not None:
            try:
                found = await list_keys(self._watch.places(chosen.app_id), chosen.store, begin, MOST)
                values |= {"keys": key_rows(chosen, found.keys, found.prefix), "more": found.more}
                values["prefix"] = found.prefix
            except OutboardError as error:
                values["problem"] = str(error)
        return await self._dashboard.page(request, "state.html", values)

    async def entry(self, request: Request) -> Response:
        said = request.query_params
        try:
            view = await self._read(await self._asked(said), said.get("key", ""))
        except OutboardError as error:
            return await self._problem(request, str(error))
        return await self._shown(request, view, done=said.get("done", ""))

    async def save(self, request: Request) -> Response:
        """Write the value, if the key still has the ETag that the form was made with."""
        form = await form_of(request)
        key, etag, text = (
            form.get("key", ""),
            form.get("etag", ""),
            form.get("value", "").replace("\r\n", "\n"),
        )
        choice = await self._asked(form)
        now = entry_view(choice, key, key, None, None)
        try:
            async with opened(self._watch.places(choice.app_id), choice.store) as found:
                there = await found.state.entry(found.app_key(key))
                now = entry_view(choice, found.app_key(key), found.stored(key), there.value, there.etag)
                if now.etag != etag:
                    return await self._shown(request, now, problem=CONFLICT, written=text, status=409)
                value = mended(text, shown_value(there.value), there.value)  # type: ignore[arg-type]
                first: Concurrency | None = "first-write" if etag or not now.there else None
                await found.state.save(found.app_key(key), value, etag=etag or None, concurrency=first)
        except MendedWrongly as error:
            told = str(error).replace("the data", "the value")
            return await self._shown(request, now, problem=told, written=text, status=400)
        except (EtagMismatch, EtagInvalid):
            now = await self._read(choice, key)
            return await self._shown(request, now, problem=CONFLICT, written=text, status=409)
        except OutboardError as error:
            return await self._problem(request, str(error))
        return RedirectResponse(choice.address("/state/entry", key=key, done="saved"), 303)

    async def delete(self, request: Request) -> Response:
        """Remove what lies there, if it still has the ETag that the form was made with."""
        form = await form_of(request)
        key, etag = form.get("key", ""), form.get("etag", "")
        choice = await self._asked(form)
        try:
            async with opened(self._watch.places(choice.app_id), choice.store) as found:
                await found.state.delete(found.app_key(key), etag=etag or None)
        except (EtagMismatch, EtagInvalid):
            return await self._shown(request, await self._read(choice, key), problem=GONE, status=409)
        except OutboardError as error:
            return await self._problem(request, str(error))
        return RedirectResponse(choice.address("/state/entry", key=key, done="deleted"), 303)

    async def _read(self, choice: StoreChoice, key: str) -> EntryView:
        async with opened(self._watch.places(choice.app_id), choice.store) as found:
            entry = await found.state.entry(found.app_key(key))
            return entry_view(choice, found.app_key(key), found.stored(key), entry.value, entry.etag)

    async def _choices(self) -> Sequence[StoreChoice]:
        await self._watch.refresh()
        return store_choices(await self._watch.wirings())

    async def _asked(self, said: Mapping[str, str]) -> StoreChoice:
        """The store that is meant; one that is not known is asked for all the same, and says why not."""
        found = _chosen(await self._choices(), said)
        return found or StoreChoice(said.get("app", ""), said.get("store", ""), "")

    async def _shown(
        self,
        request: Request,
        entry: EntryView,
        *,
        problem: str = "",
        written: str | None = None,
        done: str = "",
        status: int = 200,
    ) -> Response:
        values = {"entry": entry, "problem": problem, "written": written, "done": done, "mask": MASK}
        return await self._dashboard.page(request, "state_entry.html", values, status)

    async def _problem(self, request: Request, told: str) -> Response:
        return await self._dashboard.page(request, "problem.html", {"problem": told}, 400)


def _chosen(choices: Sequence[StoreChoice], said: Mapping[str, str]) -> StoreChoice | None:
    """The store of an app that an address names."""
    app, store = said.get("app", ""), said.get("store", "")
    return next((each for each in choices if (each.app_id, each.store) == (app, store)), None)


STATE: Final = DashboardPage("/state", "State", _routes)
