"""What a sidecar tells of itself: its metadata, and how far its start has come.

Source: Dapr, "Metadata API reference", "Health API reference"; daprd 1.18.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from outboard.resources import duration
from outboard.resources.left_out import LeftOut
from outboard.sidecar.channel.app import AppConnection
from outboard.sidecar.errors import ApiError
from outboard.sidecar.subscriptions.active import ActiveSubscription, Discovery

__all__ = ["RUNTIME_VERSION", "ComponentInfo", "MetadataService", "Readiness", "SidecarInfo", "go_duration"]

RUNTIME_VERSION: Final = "1.18.1"
"""The daprd whose behaviour this sidecar follows: what clients compare versions with."""


@dataclass(frozen=True, slots=True)
class ComponentInfo:
    """What is told of one component; `version` is empty where it has none."""

    name: str
    type: str
    version: str
    capabilities: Sequence[str] = ()


@dataclass(slots=True)
class SidecarInfo:
    """What the metadata API tells, as far as it is known.

    `components`, `left_out` and `resiliencies` are there once the components are up; when the app has been
    asked `subscriptions` grows and `discovery` is there. `streams` are the streaming subscriptions of the
    moment. `extended` is what clients have put in.
    """

    app_id: str
    app: AppConnection
    features: Sequence[str] = ()
    components: Sequence[ComponentInfo] = ()
    left_out: Sequence[LeftOut] = ()
    subscriptions: Sequence[ActiveSubscription] = ()
    streams: Sequence[ActiveSubscription] = ()
    discovery: Discovery | None = None
    resiliencies: Sequence[str] = ()
    http_endpoints: Sequence[str] = ()
    extended: dict[str, str] = field(default_factory=dict)

    @property
    def all_subscriptions(self) -> Sequence[ActiveSubscription]:
        """Those of the app and of files, and those that streams have made."""
        return (*self.subscriptions, *self.streams)


class Readiness:
    """`outbound`: components can be used. `discovered`: the app has been asked what it takes. `runtime`: the
    app is there too, and its subscriptions are made, unless they wait for it to be well.
    """

    def __init__(self) -> None:
        self.outbound = asyncio.Event()
        self.discovered = asyncio.Event()
        self.runtime = asyncio.Event()

    @property
    def missing(self) -> list[str]:
        """The targets that are not ready."""
        return [] if self.runtime.is_set() else ["runtime"]


class MetadataService:
    """Metadata and health of one sidecar, for whatever protocol asks."""

    def __init__(self, info: SidecarInfo, readiness: Readiness) -> None:
        self._info = info
        self._readiness = readiness

    def get(self) -> SidecarInfo:
        """What is known now."""
        return self._info

    def set(self, key: str, value: str) -> None:
        """Keep a text of a client, which `get` tells of from now on."""
        self._info.extended[key] = value

    def check_health(self, app_id: str | None) -> None:
        """Raises ApiError until everything is ready, and where `app_id` is not this sidecar's app."""
        missing = self._readiness.missing
        if missing:
            raise ApiError(500, "ERR_HEALTH_NOT_READY", f"dapr is not ready: [{' '.join(missing)}]")
        if app_id not in {None, self._info.app_id}:
            raise ApiError(500, "ERR_HEALTH_APPID_NOT_MATCH", "dapr app-id does not match")

    def check_outbound(self) -> None:
        """Raises ApiError until components can be used, whether the app is there or not."""
        if not self._readiness.outbound.is_set():
            raise ApiError(500, "ERR_OUTBOUND_HEALTH_NOT_READY", "dapr outbound is not ready")


def go_duration(seconds: float) -> str:
    """As Go writes a duration: "5s", "500ms"."""
    return duration.format(seconds) if seconds >= 1 else f"{seconds * 1000:g}ms"
