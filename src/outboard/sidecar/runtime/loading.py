"""From the components that are up to what this app may do with each."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from outboard.errors import ComponentInitFailed, ResourceError
from outboard.resources.component import Component
from outboard.resources.configuration import Configuration
from outboard.resources.left_out import LeftOut, out_of_scope
from outboard.resources.loader import Resources
from outboard.resources.node import near
from outboard.resources.resiliency import Resiliency, merge
from outboard.resources.subscription import DeclaredSubscription
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.port import PubSub, SecretStore, StateStore
from outboard.sidecar.components.registry import Components, Loaded, open_components
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.metadata.service import ComponentInfo
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.publishing.pubsubs import LoadedPubSub
from outboard.sidecar.publishing.scopes import TopicAccess
from outboard.sidecar.resiliency.guard import Guard, Resilience
from outboard.sidecar.resiliency.trip import compile_trip
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.secrets.service import LoadedSecretStore
from outboard.sidecar.state.keys import IllegalKey, prefix_for
from outboard.sidecar.state.settings import outbox_settings
from outboard.sidecar.state.stores import LoadedStateStore
from outboard.sidecar.subscriptions.active import ActiveSubscription, activate
from outboard.sidecar.subscriptions.routes import RuleInvalid

__all__ = ["LoadedComponents", "activate_declared", "tell_subscriptions_of_others"]

# The order in which daprd lists what a state store can do; what is not in it comes last, by name.
ORDER: Final = ("ETAG", "TRANSACTIONAL", "TTL", "QUERY_API", "DELETE_WITH_PREFIX", "KEYS_LIKE", "ACTOR")


@dataclass(frozen=True, slots=True)
class LoadedComponents:
    """By name, what this app may do with each component that is up; empty until they are."""

    pubsubs: dict[str, LoadedPubSub] = field(default_factory=dict)
    states: dict[str, LoadedStateStore] = field(default_factory=dict)
    secrets: dict[str, LoadedSecretStore] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)
    """Those that the app does not get, with the reason."""
    unavailable: list[LeftOut] = field(default_factory=list)
    """Those of them that are meant for the app, which is told so when it calls them."""

    @asynccontextmanager
    async def opened(
        self,
        options: Options,
        resources: Resources,
        configuration: Configuration,
        context: ComponentContext,
        resilience: Resilience,
        meters: Meters | None = None,
    ) -> AsyncIterator[Sequence[ComponentInfo]]:
        """The components are up while the block runs: what the metadata API tells of each.

        Raises ComponentInitFailed, and ResourceError for Resiliency policies that cannot be.
        """
        guarding = _Guarding.of(resources.resiliencies, resilience)
        allowed, denied = _allowed(resources.components, configuration, resilience.log)
        self.left_out.extend((*resources.left_out, *denied))
        async with open_components(allowed, context) as up:
            self.left_out.extend(up.left_out)
            self.unavailable.extend(up.left_out)
            for name, pubsub in up.pubsubs.items():
                self.pubsubs[name] = _pubsub(pubsub, options, guarding)
            for name, state in up.states.items():
                self.states[name] = _state_store(state, options, guarding)
            for name, secret in up.secrets.items():
                self.secrets[name] = _secret_store(secret, guarding)
            if meters is not None:
                meters.loaded(loaded.component.type for loaded in up.all)
            yield _infos(up)


def _allowed(
    components: Iterable[Component], configuration: Configuration, log: SidecarLog
) -> tuple[Sequence[Component], Sequence[LeftOut]]:
    """Those of a type that the Configuration does not deny, and the others, of which the log tells."""
    allowed, denied = [], []
    for each in components:
        if configuration.allows_component(each.type, each.version):
            allowed.append(each)
        else:
            text = "component '%s' cannot be loaded because components of type '%s' are not allowed"
            log.warning(text, each.name, each)
            denied.append(LeftOut(each.name, each.type, "the Configuration does not allow its type"))
    return allowed, denied


@dataclass(frozen=True, slots=True)
class _Guarding:
    """The Resiliency resources, and what puts them to work."""

    policies: Resiliency
    resilience: Resilience

    @classmethod
    def of(cls, resiliencies: Sequence[Resiliency], resilience: Resilience) -> _Guarding:
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


def _pubsub(loaded: Loaded[PubSub], options: Options, guarding: _Guarding) -> LoadedPubSub:
    name, properties = loaded.component.name, loaded.properties
    prefix = options.runtime_namespace if properties.namespaced else ""
    return LoadedPubSub(
        name,
        loaded.instance,
        TopicAccess.of(properties, options.app_id, prefix),
        outbound=guarding.outbound(name, "Pubsub"),
        inbound=guarding.inbound(name, "Pubsub"),
    )


def _state_store(loaded: Loaded[StateStore], options: Options, guarding: _Guarding) -> LoadedStateStore:
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


def _secret_store(loaded: Loaded[SecretStore], guarding: _Guarding) -> LoadedSecretStore:
    name = loaded.component.name
    return LoadedSecretStore(name, loaded.instance, guarding.outbound(name, "Secretstore"))


def _infos(components: Components) -> list[ComponentInfo]:
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


def activate_declared(declared: Sequence[DeclaredSubscription], log: SidecarLog) -> list[ActiveSubscription]:
    """The subscriptions in files; the log tells of them. Raises ResourceError for a rule that is not CEL."""
    active = []
    for each in declared:
        try:
            active.append(activate(each.subscription, "DECLARATIVE"))
        except RuleInvalid as error:
            advice = "Correct the expression"
            raise ResourceError(str(each.path), each.line, str(error), advice) from error
    for each in declared:
        log.info("Found Subscription: %s", each.name)
    return active


def tell_subscriptions_of_others(resources: Resources, app_id: str, log: SidecarLog) -> None:
    """That one of another app is in the same folder is usual; that its scopes nearly name this one is not."""
    for each in resources.subscriptions_of_others:
        level = logging.WARNING if near(app_id, each.scopes, 0.8) else logging.INFO
        text = "subscription '%s' to topic '%s' (%s:%d) is left out of %s: %s"
        topic, reason = each.subscription.topic, out_of_scope(each.scopes, app_id)
        log.log(level, text, each.name, topic, each.path, each.line, app_id, reason)


def _capabilities(features: frozenset[str]) -> list[str]:
    known = [feature for feature in ORDER if feature in features]
    return known + sorted(features.difference(ORDER))
