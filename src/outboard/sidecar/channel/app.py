"""The app beside the sidecar, whatever protocol it speaks: how it is reached."""

from __future__ import annotations

from dataclasses import dataclass

from outboard.sidecar.channel.health import AppHealthOptions

__all__ = ["AppConnection"]


@dataclass(frozen=True, slots=True)
class AppConnection:
    """`port` 0 means that there is no app, `max_concurrency` 0 that calls are unlimited, `health` None that
    the app is not asked whether it is well.
    """

    port: int = 0
    protocol: str = "http"
    address: str = "127.0.0.1"
    max_concurrency: int = 0
    health: AppHealthOptions | None = None
