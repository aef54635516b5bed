"""The components that a sidecar goes on without, and why: known before anything is connected to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from outboard.resources.component import Component, MetadataItem
from outboard.resources.left_out import LeftOut
from outboard.resources.node import near

__all__ = ["LIKE_A_SLIP", "UNSERVED", "explained", "store_missing", "unavailable"]

LIKE_A_SLIP: Final = 0.85  # `state.redis` is no misspelled `state.sqlite`
SECRET_STORES: Final = "secretstores"
CATEGORIES: Final = frozenset(
    {
        "bindings", "configuration", "conversation", "crypto", "lock", "middleware", "nameresolution",
        "pubsub", SECRET_STORES, "state", "workflowbackend",
    }
)  # fmt: skip
"""Those of Dapr. A type of another one is a mistake, to daprd as well."""
UNSERVED: Final = "this sidecar does not serve its type"
ENGINE: Final = (
    "`outboard run --engine daprd` serves it; `ignoreErrors: true` says that the app can do without."
)


def unavailable(components: Iterable[Component], served: Collection[str]) -> list[LeftOut]:
    """Those that cannot be there, where the types `served` are.

    These are the ones of a type that only daprd serves, and, as with daprd, those that refer to a secret of a
    store which is not there. What looks like a misspelled type is none of them.
    """
    everyone = list(components)
    found = {
        each.name: LeftOut(each.name, each.type, UNSERVED, ENGINE, str(each.path), each.line)
        for each in everyone
        if _is_unserved(each, served)
    }
    stores = {each.name for each in everyone if each.category == SECRET_STORES and each.name not in found}
    for each in everyone:
        if each.name not in found and each.secret_store and each.secret_store not in stores:
            for item in [item for item in each.metadata if item.secret is not None][:1]:
                found[each.name] = _without_store(each, item, stores)
    return list(found.values())


def explained(message: str, name: str, left_out: Iterable[LeftOut]) -> str:
    """`message` about a component `name` that is not there, with the reason where it is known."""
    found = next((each for each in left_out if each.name == name), None)
    if found is None:
        return message
    place = f" ({found.file}:{found.line})" if found.file else ""
    return f"{message}: it is left out{place}: {found.reason}. {found.advice}".strip()


def _is_unserved(component: Component, served: Collection[str]) -> bool:
    folded = component.type.lower()
    if folded in served or component.category not in CATEGORIES:
        return False
    return not near(component.type, served, LIKE_A_SLIP)


def store_missing(component: Component, item: MetadataItem, stores: Collection[str]) -> tuple[str, str]:
    """Why `item` cannot have its secret where there are only the secret stores `stores`, and what to do."""
    name = "" if item.secret is None else item.secret.name
    store = component.secret_store
    reason = f"`{item.name}` needs secret '{name}' of secret store '{store}', which is not loaded"
    return reason, near(store, stores) or "Add it, or check its name, namespace and `scopes`."


def _without_store(component: Component, item: MetadataItem, stores: Collection[str]) -> LeftOut:
    reason, advice = store_missing(component, item, stores)
    return LeftOut(component.name, component.type, reason, advice, str(component.path), item.line)
