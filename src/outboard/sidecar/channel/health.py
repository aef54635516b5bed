"""Whether the app is well: a state machine over probe results (pure), and the loop that probes.

Source: Dapr, "App health checks"; daprd 1.18.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from outboard.clock import Clock
from outboard.sidecar.logs import SidecarLog

__all__ = ["AppHealth", "AppHealthOptions", "HealthState", "probe_forever"]


@dataclass(frozen=True, slots=True)
class AppHealthOptions:
    """How the app is asked whether it is well; `interval` and `timeout` in seconds.

    `path` is empty for an app over gRPC, which has a method for it.
    """

    path: str = "/healthz"
    interval: float = 5.0
    timeout: float = 0.5
    threshold: int = 3


@dataclass(frozen=True, slots=True)
class HealthState:
    """Starts unwell. One success makes it well, `threshold` failures in a row make it unwell again."""

    threshold: int
    healthy: bool = False
    failures: int = 0

    def after(self, well: bool) -> HealthState:
        """The state after one more probe."""
        if well:
            return replace(self, healthy=True, failures=0)
        failures = min(self.failures + 1, self.threshold)
        return replace(self, healthy=self.healthy and failures < self.threshold, failures=failures)


class AppHealth:
    """What is known of the app's health now, and a way to wait for it to change.

    `healthy` is read with every delivery; it changes through `set` alone.
    """

    def __init__(self, healthy: bool) -> None:
        self.healthy = healthy
        self._changed = asyncio.Event()

    def set(self, healthy: bool) -> None:
        """Wake whoever waits for the change, if it is one."""
        if healthy != self.healthy:
            self.healthy = healthy
            self._changed.set()
            self._changed = asyncio.Event()

    async def becomes(self, healthy: bool) -> None:
        """Return once the app is well (True), or unwell (False)."""
        while self.healthy is not healthy:
            await self._changed.wait()


async def probe_forever(
    probe: Callable[[str, float], Awaitable[str]],
    options: AppHealthOptions,
    health: AppHealth,
    clock: Clock,
    log: SidecarLog,
) -> None:
    """Probe at once and then every interval, until cancelled. `probe` answers "" for well, else why not."""
    state = HealthState(options.threshold, health.healthy)
    while True:
        began = clock.monotonic()
        reason = await probe(options.path, options.timeout)
        after = state.after(not reason)
        if after.healthy and not state.healthy:
            log.info("App entered healthy status")
        elif state.healthy and not after.healthy:
            log.warning("App entered un-healthy status: %s", reason)
        state = after
        health.set(state.healthy)
        await clock.sleep(options.interval - (clock.monotonic() - began))
