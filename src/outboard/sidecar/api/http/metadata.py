"""What a sidecar tells of itself: metadata and health; and how it is asked to stop.

Source: Dapr, "Metadata API reference", "Health API reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from outboard.gojson.utf8 import text_of
from outboard.sidecar.api.http.errors import simple
from outboard.sidecar.api.http.messages import EMPTY, ApiRequest, BodyTooLarge, Reply, json_reply
from outboard.sidecar.metadata.info import RuntimeInfo
from outboard.sidecar.metadata.readiness import Readiness

__all__ = ["RuntimeApi"]

FORCE_HEADER: Final = "dapr-force-shutdown"


class RuntimeApi:
    """The handlers of metadata, health and shutdown. `stop(force)` asks the sidecar to end."""

    def __init__(self, info: RuntimeInfo, readiness: Readiness, stop: Callable[[bool], None]) -> None:
        self._info = info
        self._readiness = readiness
        self._stop = stop

    async def metadata(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/metadata`."""
        return json_reply(200, self._info.to_json(), newline=True)

    async def set_metadata(self, request: ApiRequest) -> Reply:
        """PUT `/v1.0/metadata/{key}` with any text as its body."""
        try:
            body = await request.body()
        except BodyTooLarge as error:
            raise simple(400, "ERR_BODY_READ", f"failed to read request body: {error}") from error
        self._info.extended[request.parameters["key"]] = text_of(body)
        return EMPTY

    async def health(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/healthz`: 204 once everything is ready."""
        missing = self._readiness.missing
        if missing:
            raise simple(500, "ERR_HEALTH_NOT_READY", f"dapr is not ready: [{' '.join(missing)}]")
        if request.query.get("appid", self._info.app_id) != self._info.app_id:
            raise simple(500, "ERR_HEALTH_APPID_NOT_MATCH", "dapr app-id does not match")
        return EMPTY

    async def outbound_health(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/healthz/outbound`: 204 once components can be used, whether the app is there or not."""
        if not self._readiness.outbound.is_set():
            raise simple(500, "ERR_OUTBOUND_HEALTH_NOT_READY", "dapr outbound is not ready")
        return EMPTY

    async def shutdown(self, request: ApiRequest) -> Reply:
        """POST `/v1.0/shutdown`: answered at once; the sidecar ends after that."""
        self._stop(request.headers.get(FORCE_HEADER, "").lower() == "true")
        return EMPTY
