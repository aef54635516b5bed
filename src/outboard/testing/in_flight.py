"""What an app is answering, and what of it never came to an end."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI

from outboard.kit.subscriptions.routes import declaration_of, every_route
from outboard.testing.patience import stretched
from outboard.wire.http import Exchange, Request, Response

__all__ = ["HandlerHung", "InFlight", "handler_place", "telling_of_hung", "told_request"]

ENDING_SECONDS: Final = 1.0
NAMED: Final = 3


class HandlerHung(UserWarning):
    """A handler had not returned when a test left `serving`, and was cancelled."""


class InFlight:
    """Be an `Exchange` that lets each request be a task of its own, and knows what was never answered.

    Once `closing`, a request that is cancelled is among the `hung` ones. It has a second to clean up, and is
    then left: what runs in a thread cannot be ended.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.closing = False
        self.hung: list[Request] = []

    async def __call__(self, request: Request, timeout: float | None) -> Response:
        task = asyncio.create_task(self._exchange(request, timeout))
        ended = asyncio.Event()
        task.add_done_callback(lambda _: ended.set())
        try:
            await ended.wait()
        except asyncio.CancelledError:
            await self._end(task, request)
            if not task.done():
                raise
        return task.result()

    async def _end(self, task: asyncio.Task[Response], request: Request) -> None:
        task.cancel()
        if self.closing:
            self.hung.append(request)
        await asyncio.wait((task,), timeout=stretched(ENDING_SECONDS) if self.closing else None)


@asynccontextmanager
async def telling_of_hung(app: object, seconds: float) -> AsyncIterator[list[Request]]:
    """Say, once everything has ended, which of the requests that it yields `app` did not answer in time."""
    hung: list[Request] = []
    try:
        yield hung
    except BaseException as error:
        if hung:
            error.add_note(_told(hung, app, seconds))
        raise
    if hung:
        warnings.warn(_told(hung, app, seconds), HandlerHung, stacklevel=2)


def _told(requests: Sequence[Request], app: object, seconds: float) -> str:
    return "\n".join(
        f"{handler_place(request, app)} had not returned from {_events(request)} {seconds:g} s after the "
        "test left `serving`, and was cancelled: the event is not settled. Wait for what it does, with "
        "`handled` or `settled`, before you leave; if these do not return, the handler never does"
        for request in requests
    )


def told_request(to: str, app_id: str, app: object, request: Request) -> str:
    """What a request that is under way waits for."""
    if to == "app":
        return f"{handler_place(request, app)} of {app_id} has {_events(request)}"
    return f"the sidecar of {app_id} has {request.method} {request.target}"


def handler_place(request: Request, app: object) -> str:
    """As its author knows it, where it is a handler of the kit."""
    path = request.target.partition("?")[0]
    routes = every_route(app.routes) if isinstance(app, FastAPI) else ()
    for route in routes:
        declaration = declaration_of(route)
        if declaration is not None and route.path == path:
            return f"handler {declaration.place}"
    return f"the handler at {path}"


def _events(request: Request) -> str:
    names = list(_ids(request.body))
    told = ", ".join(f"'{name}'" for name in names[:NAMED]) + (", …" if len(names) > NAMED else "")
    return f"event {told}" if len(names) == 1 else f"events {told}"


def _ids(body: bytes) -> Iterator[str]:
    """Those of a delivery, in bulk or alone."""
    try:
        read = json.loads(body)
    except ValueError:
        read = None
    entries = read.get("entries") if isinstance(read, dict) else None
    if not isinstance(entries, list):
        yield str(read.get("id", "")) if isinstance(read, dict) else ""
        return
    for entry in entries:
        event = entry.get("event") if isinstance(entry, dict) else None
        yield str(event.get("id", "?")) if isinstance(event, dict) else "?"
