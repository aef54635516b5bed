"""`secretstores.NAME` of a pluggable component."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from outboard.sidecar.components.pluggable.connection import PluggedProcess
from outboard.sidecar.components.pluggable.messages import rpc
from outboard.sidecar.components.pluggable.services import SECRETS
from outboard.sidecar.components.port import Traits

__all__ = ["PluggableSecrets", "open_secrets"]

INIT: Final = rpc(SECRETS, "Init", "SecretStoreInitRequest", "SecretStoreInitResponse")
FEATURES: Final = rpc(SECRETS, "Features")
GET: Final = rpc(SECRETS, "Get", "GetSecretRequest", "GetSecretResponse")
BULK_GET: Final = rpc(SECRETS, "BulkGet", "BulkGetSecretRequest", "BulkGetSecretResponse")


async def open_secrets(process: PluggedProcess, properties: Mapping[str, str]) -> PluggableSecrets:
    """Initialize the component with its metadata. Raises ComponentError."""
    return PluggableSecrets(process, await process.begin(INIT, FEATURES, properties))


class PluggableSecrets:
    """A SecretStore whose process is another one."""

    def __init__(self, process: PluggedProcess, features: frozenset[str]) -> None:
        self.traits = Traits(features)
        self._process = process

    async def get(self, name: str) -> Mapping[str, str]:
        """Raises ComponentError."""
        answer: Any = await self._process.call(GET, key=name)
        return dict(answer.data)

    async def get_all(self) -> Mapping[str, Mapping[str, str]]:
        """Raises ComponentError."""
        answer: Any = await self._process.call(BULK_GET)
        return {name: dict(found.secrets) for name, found in answer.data.items()}

    async def close(self) -> None:
        await self._process.close()
