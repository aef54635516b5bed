"""What a page says of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from starlette.routing import BaseRoute

from outboard.dashboard.server.dashboard import Dashboard

__all__ = ["DashboardPage"]


@dataclass(frozen=True, slots=True)
class DashboardPage:
    """`routes` makes what it answers to, with `path` among it. The navigation shows it by its `title`, unless
    that is empty.
    """

    path: str
    title: str
    routes: Callable[[Dashboard], Sequence[BaseRoute]]
