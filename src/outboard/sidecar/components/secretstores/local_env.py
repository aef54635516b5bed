"""`secretstores.local.env`: the sidecar's own environment variables as secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.metadata.resolution import is_hidden
from outboard.sidecar.components.port import Traits

__all__ = ["METADATA", "LocalEnvSecrets", "check", "create"]

METADATA: Final = KnownMetadata(("prefix",))


class LocalEnvSecrets:
    """Secret `x` is variable `<prefix>x`. One that is not set, or may not be read, is empty, as in daprd."""

    traits = Traits()

    def __init__(self, environ: Mapping[str, str], prefix: str = "") -> None:
        self._environ = environ
        self._prefix = prefix

    async def get(self, name: str) -> Mapping[str, str]:
        variable = self._prefix + name
        value = "" if is_hidden(variable) else self._environ.get(variable, "")
        return {name: value}

    async def get_all(self) -> Mapping[str, Mapping[str, str]]:
        names = (
            variable.removeprefix(self._prefix)
            for variable in self._environ
            if variable.startswith(self._prefix) and not is_hidden(variable)
        )
        return {name: await self.get(name) for name in names}

    async def close(self) -> None:
        """Nothing to release."""


def check(properties: Properties, context: ComponentContext) -> None:
    """Raises ComponentInitFailed for a wrong setting."""
    properties.string("prefix")


async def create(properties: Properties, context: ComponentContext) -> LocalEnvSecrets:
    return LocalEnvSecrets(context.environ, properties.string("prefix"))
