"""A word in the log at the first call of each kind that this sidecar does not serve."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from outboard.sidecar.api.http.messages import ApiRequest, Reply
from outboard.sidecar.api.http.routes import Handler
from outboard.sidecar.logs import SidecarLog

__all__ = ["UnservedCalls"]

TEXT: Final = (
    "the app calls %s (%s %s), which this sidecar does not serve: `outboard run --engine daprd` does. "
    "This is said once"
)


@dataclass(frozen=True, slots=True)
class UnservedCalls:
    """Which kinds have been told of."""

    log: SidecarLog
    told: set[str] = field(default_factory=set)

    def telling(self, kind: str, handler: Handler) -> Handler:
        """`handler`, before which the log is told of the first call of `kind`, a phrase."""

        async def handle(request: ApiRequest) -> Reply:
            if kind not in self.told:
                self.told.add(kind)
                self.log.warning(TEXT, kind, request.method, request.raw_path)
            return await handler(request)

        return handle
