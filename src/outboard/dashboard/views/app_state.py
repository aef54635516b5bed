"""What is known of one app now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from outboard.live.wiring import AppWiring

__all__ = ["AppOfRun", "AppState"]

LIVE: Final = "live"


@dataclass(frozen=True, slots=True)
class AppOfRun:
    """What a run has written of an app: a process or a port that is not known is 0. `attached`: somebody else
    starts it. `exit_code` is that of its last end. `run_state` says whether the run is live, or how it ended.
    """

    app_id: str
    run_id: str
    run_state: str
    engine: str
    started: datetime
    directory: str = ""
    protocol: str = "http"
    host: str = "127.0.0.1"
    app_port: int = 0
    http_port: int = 0
    grpc_port: int = 0
    metrics_port: int = 0
    pid: int = 0
    attached: bool = False
    reload: bool = False
    exit_code: int | None = None

    @property
    def is_past(self) -> bool:
        """Whether its run is over, or cannot be seen from here."""
        return self.run_state != LIVE


@dataclass(frozen=True, slots=True)
class AppState:
    """`endpoint` is that of its sidecar, and `unhealthy` why that is not well, empty where it is.

    `app` is what its run has written of it, None for a sidecar that no run has started. `listening` tells
    whether the app's port is open, None where it has none that is known.
    """

    wiring: AppWiring
    endpoint: str = ""
    unhealthy: str = ""
    app: AppOfRun | None = None
    listening: bool | None = None
