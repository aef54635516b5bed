"""From a component that is up to what this app may do with it: its scopes, its prefix, its policies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, cast

from outboard.errors import ComponentInitFailed
from outboard.resources.resiliency import Resiliency, merge
from outboard.sidecar.components.opening import Loaded
from outboard.sidecar.components.port import PubSub, SecretStore, StateStore
from outboard.sidecar.components.registry import AnyComponent
from outboard.sidecar.publishing.pubsubs import LoadedPubSub
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.resiliency.guard import Guard, Resilience
from outboard.sidecar.resiliency.trip import compile_trip
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.secrets.service import LoadedSecretStore
from outboard.sidecar.state.keys import IllegalKey, prefix_for
from outboard.sidecar.state.settings import outbox_settings
from outboard.sidecar.state.stores import LoadedStateStore

__all__ = ["Guarding", "Usable", "checked_policies", "usable"]

Usable: TypeAlias = LoadedPubSub | LoadedStateStore | LoadedSecretStore


def checked_policies(resiliencies: Sequence[Resiliency]) -> Resiliency:
    """All of them as one. Raises ResourceError for a policy that cannot be, or ResourcesInvalid."""
    policies = merge(resiliencies)
    for breaker in policies.circuit_breakers.values():
        compile_trip(breaker)  # also of one that nobody uses yet
    return policies


@dataclass(frozen=True, slots=True)
class Guarding:
    """The Resiliency resources, and what puts them to work."""

    policies: Resiliency
    resilience: Resilience

    @classmethod
    def of(cls, resiliencies: Sequence[Resiliency], resilience: Resilience) -> Guarding:
        """Raises ResourceError for a policy that is named but not there, and a `trip` that cannot be."""
        policies = checked_policies(resiliencies)
        for each in resiliencies:
            resilience.log.info("Loading Resiliency configuration: %s", each.name)
            if resilience.meters is not None:
                resilience.meters.loaded(each.name)
        return cls(policies, resilience)

    def outbound(self, component: str, kind: str) -> Guard:
        """`kind` is Dapr's name of the building block."""
        policies = self.policies.policies(component, kind, "outbound")
        return self.resilience.guard(component, "output", policies, target=f"{kind}_{component}")

    def inbound(self, component: str, kind: str) -> Guard:
        policies = self.policies.policies(component, kind, "inbound")
        return self.resilience.guard(component, "input", policies, target=f"{kind}_{component}")


def usable(loaded: Loaded[AnyComponent], options: Options, guarding: Guarding) -> Usable:
    """Raises ComponentInitFailed for a setting that cannot be."""
    match loaded.component.category:
        case "pubsub":
            return _pubsub(cast("Loaded[PubSub]", loaded), options, guarding)
        case "state":
            return _state_store(cast("Loaded[StateStore]", loaded), options, guarding)
        case _:
            return _secret_store(cast("Loaded[SecretStore]", loaded), guarding)


def _pubsub(loaded: Loaded[PubSub], options: Options, guarding: Guarding) -> LoadedPubSub:
    name, properties = loaded.component.name, loaded.properties
    prefix = options.runtime_namespace if properties.namespaced else ""
    return LoadedPubSub(
        name,
        loaded.instance,
        TopicAccess.of(properties, options.app_id, prefix),
        outbound=guarding.outbound(name, "Pubsub"),
        inbound=guarding.inbound(name, "Pubsub"),
    )


def _state_store(loaded: Loaded[StateStore], options: Options, guarding: Guarding) -> LoadedStateStore:
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
    return LoadedStateStore(component.name, loaded.instance, prefix, outbound, outbox_settings(items))


def _secret_store(loaded: Loaded[SecretStore], guarding: Guarding) -> LoadedSecretStore:
    name = loaded.component.name
    return LoadedSecretStore(name, loaded.instance, guarding.outbound(name, "Secretstore"))
