"""From the components that are up to what this app may do with each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from outboard.errors import ComponentInitFailed, ResourceError
from outboard.resources.component import Component
from outboard.resources.configuration import Configuration
from outboard.resources.resiliency import Resiliency, merge
from outboard.resources.subscription import DeclaredSubscription
from outboard.sidecar.components.port import PubSub, SecretStore, StateStore
from outboard.sidecar.components.registry import Components, Loaded
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.metadata.info import ComponentInfo
from outboard.sidecar.publishing.pubsubs import LoadedPubSub
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.resiliency.guard import Guard, Resilience
from outboard.sidecar.resiliency.trip import compile_trip
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.secrets.stores import LoadedSecretStore
from outboard.sidecar.state.keys import IllegalKey, prefix_for
from outboard.sidecar.state.outbox.planning import settings_of
from outboard.sidecar.state.stores import LoadedStateStore
from outboard.sidecar.subscriptions.active import ActiveSubscription, activate
from outboard.sidecar.subscriptions.routes import RuleInvalid

__all__ = [
    "Guarding",
    "activate_declared",
    "allowed_components",
    "component_infos",
    "load_pubsub",
    "load_secret_store",
    "load_state_store",
]

# The order in which daprd lists what a state store can do; what is not in it comes last, by name.
ORDER: Final = ("ETAG", "TRANSACTIONAL", "TTL", "QUERY_API", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR")


def allowed_components(
    components: Iterable[Component], configuration: Configuration, log: SidecarLog
) -> Sequence[Component]:
    """Those of a type that the Configuration does not deny; of the others the log tells."""
    allowed = []
    for each in components:
        if configuration.allows_component(each.type, each.version):
            allowed.append(each)
        else:
            text = "component '%s' cannot be loaded because components of type '%s' are not allowed"
            log.warning(text, each.name, each)
    return allowed


@dataclass(frozen=True, slots=True)
class Guarding:
    """The Resiliency resources, and what puts them to work."""

    policies: Resiliency
    resilience: Resilience

    @classmethod
    def of(cls, resiliencies: Sequence[Resiliency], resilience: Resilience) -> Guarding:
        """Raises ResourceError for a policy that is named but not there, and a `trip` that cannot be."""
        policies = merge(resiliencies)
        for breaker in policies.circuit_breakers.values():
            compile_trip(breaker)  # also of one that nobody uses yet
        for each in resiliencies:
            resilience.log.info("Loading Resiliency configuration: %s", each.name)
        return cls(policies, resilience)

    def outbound(self, component: str, kind: str) -> Guard:
        """`kind` is Dapr's name of the building block."""
        policies = self.policies.policies(component, kind, "outbound")
        return self.resilience.guard(component, "output", policies)

    def inbound(self, component: str, kind: str) -> Guard:
        policies = self.policies.policies(component, kind, "inbound")
        return self.resilience.guard(component, "input", policies)


def load_pubsub(loaded: Loaded[PubSub], options: Options, guarding: Guarding) -> LoadedPubSub:
    name, properties = loaded.component.name, loaded.properties
    prefix = options.runtime_namespace if properties.namespaced else ""
    return LoadedPubSub(
        name,
        loaded.instance,
        TopicAccess.of(properties, options.app_id, prefix),
        outbound=guarding.outbound(name, "Pubsub"),
        inbound=guarding.inbound(name, "Pubsub"),
    )


def load_state_store(loaded: Loaded[StateStore], options: Options, guarding: Guarding) -> LoadedStateStore:
    """Raises ComponentInitFailed for a `keyPrefix` that cannot be one."""
    component, strategy = loaded.component, loaded.properties.get("keyPrefix", "")
    try:
        prefix = prefix_for(strategy, options.app_id, component.name, options.namespace)
    except IllegalKey as error:
        advice = "Write another `keyPrefix`"
        raise ComponentInitFailed(
            component.name, component.type, str(component.path), component.line, str(error), advice
        ) from error
    outbound = guarding.outbound(component.name, "Statestore")
    items = {item.name: loaded.properties[item.name] for item in component.metadata}
    return LoadedStateStore(component.name, loaded.instance, prefix, outbound, settings_of(items))


def load_secret_store(loaded: Loaded[SecretStore], guarding: Guarding) -> LoadedSecretStore:
    name = loaded.component.name
    return LoadedSecretStore(name, loaded.instance, guarding.outbound(name, "Secretstore"))


def component_infos(components: Components) -> list[ComponentInfo]:
    """What the metadata API tells of each."""
    return [
        ComponentInfo(
            loaded.component.name,
            loaded.component.type,
            loaded.component.version,
            _capabilities(loaded.instance.traits.features),
        )
        for loaded in components.all
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
