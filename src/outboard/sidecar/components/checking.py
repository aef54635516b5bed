"""What would be said of components, without setting them up."""

from __future__ import annotations

from collections.abc import Sequence

from outboard.errors import ComponentInitFailed, OutboardError, ResourcesInvalid
from outboard.resources.component import Component
from outboard.resources.finding import Finding
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.resolution import resolve
from outboard.sidecar.components.opening import Components, open_components, without
from outboard.sidecar.components.registry import (
    CATEGORY_METADATA,
    adapter_of,
    refuse_wrong_types,
    unavailable_here,
)

__all__ = ["check_components"]


async def check_components(components: Sequence[Component], context: ComponentContext) -> list[Finding]:
    """What `open_components` would say of them without connecting to anything but local secret stores."""
    needed = [each for each in components if not each.ignore_errors or each.category == "secretstores"]
    out = unavailable_here(needed)
    found = [each.finding for each in out]
    wanted = without(needed, out)
    stores = [each for each in wanted if each.category == "secretstores"]
    try:
        refuse_wrong_types(wanted)
        async with open_components(stores, context) as up:
            for each in wanted:
                found += await _check(each, context, up)
    except ResourcesInvalid as several:
        found += [_finding(error) for error in several.errors]
    except ComponentInitFailed as error:
        found.append(_finding(error))
    return found


async def _check(component: Component, context: ComponentContext, up: Components) -> list[Finding]:
    if component.ignore_errors:
        return []
    told = adapter_of(component).METADATA.findings(component, CATEGORY_METADATA[component.category])
    stores = {name: loaded.instance for name, loaded in up.secrets.items()}
    try:
        return [*told, *(await resolve(component, context, stores)).findings]
    except ComponentInitFailed as error:
        return [*told, _finding(error)]


def _finding(error: OutboardError) -> Finding:
    if isinstance(error, ComponentInitFailed):
        problem = f"component '{error.name}' ({error.type}) cannot be set up: {error.reason}"
        return Finding(error.path, error.line, problem, error.advice, "error")
    return Finding("", 0, str(error), severity="error")
