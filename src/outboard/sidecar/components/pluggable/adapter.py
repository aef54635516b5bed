"""What makes components out of the process behind a socket; gRPC is loaded when the first one is made."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from outboard.resources.component import Component
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties, failure
from outboard.sidecar.components.port import ComponentError, PubSub, SecretStore, StateStore
from outboard.sidecar.grpc_library import importing_grpc, is_grpc_installed

if TYPE_CHECKING:
    from outboard.sidecar.components.pluggable.connection import PluggedProcess

__all__ = ["PluggableAdapter", "services_at"]

Plugged: TypeAlias = PubSub | StateStore | SecretStore

CONSUMER: Final = "consumerID"
WAIT: Final = "Start the process of the component before the sidecar, or take the file away."


@dataclass(frozen=True, slots=True)
class PluggableAdapter:
    """An Adapter of whatever type, served by the process that listens on `socket`."""

    socket: Path
    METADATA = KnownMetadata(takes_any=True)

    def check(self, properties: Properties, context: ComponentContext) -> None:
        """Raises ComponentInitFailed where gRPC is not installed."""
        _refuse_without_grpc(properties.component)

    async def create(self, properties: Properties, context: ComponentContext) -> Plugged:
        """Raises ComponentInitFailed, ComponentError."""
        _refuse_without_grpc(properties.component)
        component = properties.component
        process = await _connected(component, self.socket)
        try:
            return await _opened(process, component, _items(properties, context.app_id), context)
        except BaseException:
            await process.close()
            raise


async def services_at(component: Component, socket: Path) -> frozenset[str]:
    """What the process behind `socket` offers; waited for as long as `component` has for its start.

    Raises ComponentInitFailed.
    """
    _refuse_without_grpc(component)
    process = await _connected(component, socket)
    try:
        return await process.services(component.init_timeout)
    except ComponentError as error:
        reason = f"the process behind {socket} did not tell which components it is: {error}"
        raise failure(component, reason, WAIT) from error
    finally:
        await process.close()


async def _connected(component: Component, socket: Path) -> PluggedProcess:
    await asyncio.to_thread(_load)
    from outboard.sidecar.components.pluggable.connection import PluggedProcess  # an extra

    return PluggedProcess(socket, component.name)


def _load() -> None:
    with importing_grpc():
        from outboard.sidecar.components.pluggable import pubsub, secretstore, state  # noqa: F401 - an extra


async def _opened(
    process: PluggedProcess, component: Component, items: dict[str, str], context: ComponentContext
) -> Plugged:
    from outboard.sidecar.components.pluggable.pubsub import open_pubsub
    from outboard.sidecar.components.pluggable.secretstore import open_secrets
    from outboard.sidecar.components.pluggable.state import open_state

    if component.category == "state":
        return await open_state(process, items)
    if component.category == "secretstores":
        return await open_secrets(process, items)
    return await open_pubsub(process, items, context.clock)


def _items(properties: Properties, app_id: str) -> dict[str, str]:
    """The metadata by the names in the file; a pub/sub component gets its consumer group, too."""
    component = properties.component
    items = {item.name: properties[item.name] for item in component.metadata}
    if component.category == "pubsub":
        items[CONSUMER] = items.get(CONSUMER, "").strip() or app_id
    return items


def _refuse_without_grpc(component: Component) -> None:
    """Raises ComponentInitFailed."""
    if not is_grpc_installed():
        reason = "it is a pluggable component, which is spoken to over gRPC, and that is not installed"
        raise failure(component, reason, "For it: pip install 'outboard[grpc]'.")
