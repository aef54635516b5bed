"""Secrets over HTTP.

Source: Dapr, "Secrets API reference".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from outboard.gojson.rawjson import quote
from outboard.gojson.values import Json
from outboard.sidecar.api.http.errors import simple
from outboard.sidecar.api.http.messages import ApiRequest, Reply, json_reply
from outboard.sidecar.resiliency.failure import Failure
from outboard.sidecar.secrets.stores import LoadedSecretStore

__all__ = ["SecretApi"]

GET_FAILED: Final = "ERR_SECRET_GET"


class SecretApi:
    """The handlers of `/v1.0/secrets/...`. `may_read(store, key)` is what the Configuration says."""

    def __init__(self, stores: Mapping[str, LoadedSecretStore], may_read: Callable[[str, str], bool]) -> None:
        self._stores = stores
        self._may_read = may_read

    async def get(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/secrets/{store}/{key}`: the keys and values of one secret."""
        name, key = request.parameters["store"], request.parameters["key"]
        store = self._store(name)
        if not self._may_read(name, key):
            raise simple(
                403,
                "ERR_PERMISSION_DENIED",
                f"access denied by policy to get {quote(key)} from {quote(name)}",
            )
        try:
            found = await store.outbound.run(lambda: store.component.get(key))
        except Failure as error:
            message = f"failed getting secret with key {key} from secret store {name}: {error}"
            raise simple(500, GET_FAILED, message) from error
        return json_reply(200, dict(sorted(found.items())), newline=True)

    async def get_all(self, request: ApiRequest) -> Reply:
        """GET `/v1.0/secrets/{store}/bulk`: all secrets of a store."""
        name = request.parameters["store"]
        store = self._store(name)
        try:
            found = await store.outbound.run(lambda: store.component.get_all())
        except Failure as error:
            message = f"failed getting secrets from secret store {name}: {error}"
            raise simple(500, GET_FAILED, message) from error
        readable: dict[str, Json] = {
            key: {**value} for key, value in sorted(found.items()) if self._may_read(name, key)
        }
        return json_reply(200, readable, newline=True)

    def _store(self, name: str) -> LoadedSecretStore:
        if not self._stores:
            raise simple(500, "ERR_SECRET_STORES_NOT_CONFIGURED", "secret store is not configured")
        if name not in self._stores:
            message = f"failed finding secret store with key {name}"
            raise simple(401, "ERR_SECRET_STORE_NOT_FOUND", message)
        return self._stores[name]
