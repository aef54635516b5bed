"""The handlers of secrets.

Source: Dapr, "Secrets API reference".
"""

from __future__ import annotations

from outboard.gojson.values import Json
from outboard.sidecar.api.http.messages import ApiRequest, Reply, json_reply
from outboard.sidecar.secrets.service import SecretService

__all__ = ["SecretApi"]


class SecretApi:
    """The handlers of `/v1.0/secrets/...`."""

    def __init__(self, service: SecretService) -> None:
        self._service = service

    async def get(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/secrets/{store}/{key}`: the keys and values of one secret."""
        found = await self._service.get(request.parameters["store"], request.parameters["key"])
        return json_reply(200, dict(sorted(found.items())), newline=True)

    async def get_all(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/secrets/{store}/bulk`: all secrets of a store."""
        found = await self._service.get_all(request.parameters["store"])
        readable: dict[str, Json] = {key: {**value} for key, value in sorted(found.items())}
        return json_reply(200, readable, newline=True)
