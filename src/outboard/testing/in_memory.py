"""The components of a project in tests: in memory, under their names, and for the same apps. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from outboard.resources.component import Component, MetadataItem
from outboard.resources.loader import Resources
from outboard.resources.resiliency import Resiliency, RetryPolicy

__all__ = ["in_memory", "of_these_names"]

PARTITIONS: Final = MetadataItem("partitions", "16")
RETRY_FOR_EVER: Final = Resiliency(retries={"DefaultPubsubComponentInboundRetryPolicy": RetryPolicy()})
"""What brokers do with what is not acknowledged."""
KEPT: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "pubsub": frozenset({"publishingscopes", "subscriptionscopes", "allowedtopics", "protectedtopics"}),
        "state": frozenset(
            {
                "keyprefix",
                "outboxpublishpubsub",
                "outboxpublishtopic",
                "outboxpubsub",
                "outboxdiscardwhenmissingstate",
            }
        ),
    }
)
"""The metadata of each category that is about the apps, and not about a broker or a store."""
IN_MEMORY: Final = ".in-memory"


def of_these_names(pubsub: str, state_store: str) -> Resources:
    """A pub/sub component and a state store, and nothing else."""
    components = (Component(pubsub, "pubsub.in-memory"), Component(state_store, "state.in-memory"))
    return in_memory(Resources(components))


def in_memory(resources: Resources) -> Resources:
    """`resources` with pub/sub components and state stores in memory; others stay what they are.

    An event whose handler fails comes again, unless a policy of theirs says otherwise.
    """
    return replace(
        resources,
        components=tuple(map(_in_memory, resources.components)),
        resiliencies=(RETRY_FOR_EVER, *resources.resiliencies),
    )


def _in_memory(component: Component) -> Component:
    kept = KEPT.get(component.category)
    if kept is None:
        return component
    metadata = tuple(item for item in component.metadata if item.name.lower() in kept)
    if component.category == "pubsub":
        metadata = (*metadata, PARTITIONS)
    return replace(component, type=component.category + IN_MEMORY, version="v1", metadata=metadata)
