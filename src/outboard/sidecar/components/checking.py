"""What would be said of components, without setting them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

from outboard.errors import ComponentInitFailed, OutboardError, ResourcesInvalid
from outboard.resources.component import Component
from outboard.resources.finding import Finding
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.resolution import resolve
from outboard.sidecar.components.opening import open_components, without
from outboard.sidecar.components.port import SecretStore
from outboard.sidecar.components.registry import (
    CATEGORY_METADATA,
    adapter_of,
    refuse_wrong_types,
    unavailable_here,
)
from outboard.sidecar.components.state.encryption import encryption_keys

__all__ = ["check_components"]

SECRET_STORES: Final = "secretstores"


async def check_components(components: Sequence[Component], context: ComponentContext) -> list[Finding]:
    """What `open_components` would say of them without connecting to anything but local secret stores."""
    needed = [each for each in components if not each.ignore_errors or each.category == SECRET_STORES]
    out = unavailable_here(needed, context.environ)
    found = [each.finding for each in out]
    wanted = without(needed, out)
    try:
        refuse_wrong_types(wanted, context.environ)
    except ResourcesInvalid as several:
        return [*found, *map(_finding, several.errors)]
    except ComponentInitFailed as error:
        return [*found, _finding(error)]
    async with AsyncExitStack() as stack:
        stores: dict[str, SecretStore] = {}
        for each in (each for each in wanted if each.category == SECRET_STORES):
            try:
                up = await stack.enter_async_context(open_components([each], context))
            except ComponentInitFailed as error:
                found.append(_finding(error))
            else:
                stores |= {name: loaded.instance for name, loaded in up.secrets.items()}
        failed = {each.name for each in wanted if each.category == SECRET_STORES} - stores.keys()
        for each in wanted:
            if not each.ignore_errors and each.name not in failed and each.secret_store not in failed:
                found += await _check(each, context, stores)
    return found


async def _check(
    component: Component, context: ComponentContext, stores: Mapping[str, SecretStore]
) -> list[Finding]:
    adapter = adapter_of(component, context.environ)
    told = list(adapter.METADATA.findings(component, CATEGORY_METADATA[component.category]))
    try:
        properties = await resolve(component, context, stores)
        try:
            if component.category == "state":
                encryption_keys(properties)
            adapter.check(properties, context)
        finally:
            told += properties.findings
    except ComponentInitFailed as error:
        told.append(_finding(error))
    return told


def _finding(error: OutboardError) -> Finding:
    if isinstance(error, ComponentInitFailed):
        problem = f"component '{error.name}' ({error.type}) cannot be set up: {error.reason}"
        return Finding(error.path, error.line, problem, error.advice, "error")
    return Finding("", 0, str(error), severity="error")
