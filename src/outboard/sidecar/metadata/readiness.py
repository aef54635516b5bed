"""How far the start of a sidecar has come."""

from __future__ import annotations

import asyncio

__all__ = ["Readiness"]


class Readiness:
    """`outbound`: components can be used. `runtime`: the app is there too, and its subscriptions are made."""

    def __init__(self) -> None:
        self.outbound = asyncio.Event()
        self.runtime = asyncio.Event()

    @property
    def missing(self) -> list[str]:
        """The targets that are not ready."""
        return [] if self.runtime.is_set() else ["runtime"]
