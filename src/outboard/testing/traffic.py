"""What goes between the apps of a test and their sidecars, and what is done to it on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from outboard.wire.http import Exchange, ExchangeFailed, Request, Response

__all__ = ["Fault", "GoOn", "Passing", "Traffic"]


@dataclass(frozen=True, slots=True, eq=False)
class Passing:
    """One request on its way `to` the sidecar or the app of `app_id`. `timeout` is in seconds."""

    to: Literal["sidecar", "app"]
    app_id: str
    app: object
    request: Request
    timeout: float | None


GoOn: TypeAlias = Callable[[Passing], Awaitable[Response]]
"""The rest of the way of a request."""
Fault: TypeAlias = Callable[[Passing, GoOn], Awaitable[Response]]
"""What is done to a request; it may raise ExchangeFailed."""


class Traffic:
    """Counts the requests that are under way, and lets each pass the `faults`, the first one outermost."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.under_way: list[Passing] = []
        self.held = 0
        """How many of those wait for a test to let them go on."""
        self.sidecars: dict[str, Exchange] = {}
        """By app id the way to each sidecar."""
        self.refused: Sequence[object] = ()
        """Apps that are given nothing any more."""

    def passing(
        self, to: Literal["sidecar", "app"], app_id: str, app: object, exchange: Exchange
    ) -> Exchange:
        """`exchange`, seen from here."""
        if to == "sidecar":
            self.sidecars[app_id] = exchange

        async def pass_on(request: Request, timeout: float | None) -> Response:
            if to == "app" and any(app is each for each in self.refused):
                raise ExchangeFailed("the session has ended", sent=False)
            passing = Passing(to, app_id, app, request, timeout)
            self.under_way.append(passing)
            try:
                if not self.faults:
                    return await exchange(request, timeout)
                return await self._through(tuple(self.faults), exchange, passing)
            finally:
                self.under_way.remove(passing)

        return pass_on

    async def _through(self, faults: tuple[Fault, ...], exchange: Exchange, passing: Passing) -> Response:
        if not faults:
            return await exchange(passing.request, passing.timeout)

        async def go_on(changed: Passing) -> Response:
            return await self._through(faults[1:], exchange, changed)

        return await faults[0](passing, go_on)
