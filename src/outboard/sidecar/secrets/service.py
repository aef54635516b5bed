"""Secrets for the app, as far as the Configuration lets it read them.

Source: Dapr, "Secrets API reference"; daprd 1.18 for the errors.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from outboard.gojson.rawjson import quote
from outboard.resources.left_out import LeftOut
from outboard.sidecar.components.port import SecretStore
from outboard.sidecar.components.unavailable import explained
from outboard.sidecar.errors import ApiError
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.metrics.timed import timed
from outboard.sidecar.resiliency.failure import Failure
from outboard.sidecar.resiliency.guard import Guard

__all__ = ["LoadedSecretStore", "SecretService"]

T = TypeVar("T")

GET_FAILED: Final = "ERR_SECRET_GET"


@dataclass(frozen=True, slots=True)
class LoadedSecretStore:
    """A secret store, with the policies for it."""

    name: str
    component: SecretStore
    outbound: Guard


class SecretService:
    """`may_read(store, key)` is what the Configuration says, `left_out` what is not there and why.

    Calls of the stores are counted in `meters`, if given. All that it raises is ApiError.
    """

    def __init__(
        self,
        stores: Mapping[str, LoadedSecretStore],
        may_read: Callable[[str, str], bool],
        left_out: Sequence[LeftOut] = (),
        meters: Meters | None = None,
    ) -> None:
        self._stores = stores
        self._may_read = may_read
        self._left_out = left_out
        self._meters = meters

    async def get(self, name: str, key: str) -> Mapping[str, str]:
        """The keys and values of secret `key` in store `name`."""
        store = self._store(name)
        if not self._may_read(name, key):
            message = f"access denied by policy to get {quote(key)} from {quote(name)}"
            raise ApiError(403, "ERR_PERMISSION_DENIED", message)
        try:
            return await self._run(store, "get", lambda: store.component.get(key))
        except Failure as error:
            message = f"failed getting secret with key {key} from secret store {name}: {error}"
            raise ApiError(500, GET_FAILED, message) from error

    async def get_all(self, name: str) -> Mapping[str, Mapping[str, str]]:
        """All secrets of store `name` that the app may read."""
        store = self._store(name)
        try:
            found = await self._run(store, "bulk_get", lambda: store.component.get_all())
        except Failure as error:
            message = f"failed getting secrets from secret store {name}: {error}"
            raise ApiError(500, GET_FAILED, message) from error
        return {key: value for key, value in found.items() if self._may_read(name, key)}

    def _run(
        self, store: LoadedSecretStore, operation: str, attempt: Callable[[], Awaitable[T]]
    ) -> Awaitable[T]:
        """Do it under the policies of the store; `operation` is how daprd counts it."""
        work, meters = store.outbound.run(attempt), self._meters
        return work if meters is None else timed(work, partial(meters.used_secrets, store.name, operation))

    def _store(self, name: str) -> LoadedSecretStore:
        if not self._stores:
            message = explained("secret store is not configured", name, self._left_out)
            raise ApiError(500, "ERR_SECRET_STORES_NOT_CONFIGURED", message)
        if name not in self._stores:
            message = explained(f"failed finding secret store with key {name}", name, self._left_out)
            raise ApiError(401, "ERR_SECRET_STORE_NOT_FOUND", message)
        return self._stores[name]
