"""The boards of a test, and what a session makes of them: their clock, their exceptions, their topics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from fastapi import FastAPI

from outboard.clock import Clock
from outboard.kit.board import MountedBoard, Outboard
from outboard.kit.subscriptions.outcomes import HandlerFailure
from outboard.kit.subscriptions.routes import every_route
from outboard.wire.events import EventCodec

__all__ = ["ConnectedBoards", "board_of"]


class ConnectedBoards:
    """Those that are connected to sidecars of a test. While a session runs, they have its `clock`.

    Their calls to sidecars are timed by that of `calls`.
    """

    def __init__(self, clock: Clock, calls: Clock) -> None:
        self._clock, self._calls = clock, calls
        self._used: list[Outboard] = []
        self._told: Callable[[HandlerFailure], None] | None = None
        self._session = ExitStack()

    @property
    def codecs(self) -> Sequence[Mapping[tuple[str, str], EventCodec[Any]]]:
        """Those of the topics of each."""
        return [board.codecs for board in self._used]

    @contextmanager
    def using(self, board: Outboard) -> Iterator[None]:
        """`board` is connected while the block runs."""
        self._used.append(board)
        self._take(board)
        try:
            yield
        finally:
            self._used.remove(board)

    @contextmanager
    def of_session(self, told: Callable[[HandlerFailure], None]) -> Iterator[None]:
        """A session runs, which is told of what handlers raise. Raises RuntimeError while one does."""
        if self._told is not None:
            raise RuntimeError("a session of this harness runs already: end it, or go on with that one")
        with ExitStack() as self._session:
            self._told = told
            self._session.callback(self._forget)
            for board in dict.fromkeys(self._used):
                self._take(board)
            yield

    def _take(self, board: Outboard) -> None:
        if self._told is not None and self._used.count(board) <= 1:
            self._session.enter_context(board.tested(self._clock, self._calls, self._told))

    def _forget(self) -> None:
        self._told = None


def board_of(app: object) -> Outboard | None:
    """The board that is mounted on `app`, or None. Raises TypeError where there are several."""
    routes = every_route(app.routes) if isinstance(app, FastAPI) else ()
    owners = (getattr(getattr(route, "endpoint", None), "__self__", None) for route in routes)
    boards = list(dict.fromkeys(owner.board for owner in owners if isinstance(owner, MountedBoard)))
    if len(boards) > 1:
        raise TypeError("several boards are mounted on the app: serve it with `serving(app, board)` before")
    return boards[0] if boards else None
