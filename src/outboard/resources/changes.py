"""What has changed from the resources of one app to the next. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from outboard.resources.component import Component
from outboard.resources.http_endpoint import HttpEndpoint
from outboard.resources.loader import Resources
from outboard.resources.resiliency import Resiliency
from outboard.resources.subscription import DeclaredSubscription

__all__ = ["ResourceChange", "changes_at_start", "component_changes", "subscription_changes"]

T = TypeVar("T")
Named = TypeVar("Named", Component, DeclaredSubscription, HttpEndpoint, Resiliency)


@dataclass(frozen=True, slots=True)
class ResourceChange:
    """One resource that is other than before. `verb` is CREATED, UPDATED or DELETED, as daprd says."""

    kind: str
    name: str
    verb: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def component_changes(before: Iterable[Component], after: Iterable[Component]) -> list[ResourceChange]:
    """Those that differ, wherever they are written."""
    return _changes("Component", _named(before), _named(after), Component.is_same_as)


def subscription_changes(
    before: Iterable[DeclaredSubscription], after: Iterable[DeclaredSubscription]
) -> list[ResourceChange]:
    """As `component_changes`."""
    same = _same_subscription
    return _changes("Subscription", _named(before), _named(after), same)


def changes_at_start(before: Resources, after: Resources) -> list[ResourceChange]:
    """Of what a sidecar reads only as it starts: policies, endpoints, and what a Configuration says."""
    changes = _changes(
        "Resiliency", _named(before.resiliencies), _named(after.resiliencies), _same_resiliency
    )
    changes += _changes(
        "HTTPEndpoint", _named(before.http_endpoints), _named(after.http_endpoints), _same_endpoint
    )
    for kind in sorted({each.kind for each in (*before.at_start, *after.at_start)}):
        had = {each.name: each for each in before.at_start if each.kind == kind}
        has = {each.name: each for each in after.at_start if each.kind == kind}
        changes += _changes(kind, had, has, lambda one, other: one == other)
    return changes


def _changes(
    kind: str, before: Mapping[str, T], after: Mapping[str, T], same: Callable[[T, T], bool]
) -> list[ResourceChange]:
    gone = [ResourceChange(kind, name, "DELETED") for name in before if name not in after]
    new = [ResourceChange(kind, name, "CREATED") for name in after if name not in before]
    both = [name for name in before if name in after]
    changed = [ResourceChange(kind, name, "UPDATED") for name in both if not same(before[name], after[name])]
    return [*gone, *changed, *new]


def _named(resources: Iterable[Named]) -> dict[str, Named]:
    return {each.name: each for each in resources}


def _same_subscription(one: DeclaredSubscription, other: DeclaredSubscription) -> bool:
    return one.subscription == other.subscription


def _same_resiliency(one: Resiliency, other: Resiliency) -> bool:
    return _unplaced(one) == _unplaced(other)


def _unplaced(resiliency: Resiliency) -> Resiliency:
    return replace(resiliency, path=Path(), line=0, lines={}, scopes=())


def _same_endpoint(one: HttpEndpoint, other: HttpEndpoint) -> bool:
    return _endpoint(one) == _endpoint(other)


def _endpoint(endpoint: HttpEndpoint) -> HttpEndpoint:
    headers, tls = (tuple(replace(i, line=0) for i in items) for items in (endpoint.headers, endpoint.tls))
    return replace(endpoint, path=Path(), line=0, scopes=(), headers=headers, tls=tls)
