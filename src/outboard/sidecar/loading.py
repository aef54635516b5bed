"""From the components that are up to what this app may do with each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from outboard.errors import ComponentInitFailed, ResourceError
from outboard.resources.resiliency import Resiliency
from outboard.resources.subscription import DeclaredSubscription
from outboard.sidecar.api.runtime import ComponentInfo
from outboard.sidecar.components.port import PubSub, SecretStore, StateStore
from outboard.sidecar.components.registry import Components, Loaded
from outboard.sidecar.delivery.routing import RuleInvalid
from outboard.sidecar.options import Options
from outboard.sidecar.publishing.publisher import LoadedPubSub
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.state_keys import IllegalKey, prefix_for
from outboard.sidecar.stores import LoadedSecretStore, LoadedStateStore
from outboard.sidecar.subscriptions import ActiveSubscription, activate

__all__ = ["activate_declared", "component_infos", "load_pubsub", "load_secret_store", "load_state_store"]

# The order in which daprd lists what a state store can do; what is not in it comes last, by name.
ORDER: Final = ("ETAG", "TRANSACTIONAL", "TTL", "QUERY_API", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR")


def load_pubsub(loaded: Loaded[PubSub], options: Options, resiliency: Resiliency) -> LoadedPubSub:
    name, properties = loaded.component.name, loaded.properties
    prefix = options.runtime_namespace if properties.namespaced else ""
    return LoadedPubSub(
        name,
        loaded.instance,
        TopicAccess.of(properties, options.app_id, prefix),
        outbound=resiliency.policies(name, "Pubsub", "outbound"),
        inbound=resiliency.policies(name, "Pubsub", "inbound"),
    )


def load_state_store(
    loaded: Loaded[StateStore], options: Options, resiliency: Resiliency
) -> LoadedStateStore:
    """Raises ComponentInitFailed for a `keyPrefix` that cannot be one."""
    component, strategy = loaded.component, loaded.properties.get("keyPrefix", "")
    try:
        prefix = prefix_for(strategy, options.app_id, component.name, options.namespace)
    except IllegalKey as error:
        advice = "Write another `keyPrefix`"
        raise ComponentInitFailed(
            component.name, component.type, str(component.path), component.line, str(error), advice
        ) from error
    outbound = resiliency.policies(component.name, "Statestore", "outbound")
    return LoadedStateStore(component.name, loaded.instance, prefix, outbound)


def load_secret_store(loaded: Loaded[SecretStore]) -> LoadedSecretStore:
    return LoadedSecretStore(loaded.component.name, loaded.instance)


def component_infos(components: Components) -> list[ComponentInfo]:
    """What the metadata API tells of each."""
    return [
        ComponentInfo(
            loaded.component.name,
            loaded.component.type,
            loaded.component.version,
            _capabilities(loaded.instance.features),
        )
        for loaded in components.all()
    ]


def activate_declared(declared: Iterable[DeclaredSubscription]) -> list[ActiveSubscription]:
    """Raises ResourceError for a rule that is not CEL."""
    active = []
    for each in declared:
        try:
            active.append(activate(each.subscription, "DECLARATIVE"))
        except RuleInvalid as error:
            advice = "Correct the expression"
            raise ResourceError(str(each.path), each.line, str(error), advice) from error
    return active


def _capabilities(features: frozenset[str]) -> list[str]:
    known = [feature for feature in ORDER if feature in features]
    return known + sorted(features.difference(ORDER))
