"""The resources that one app does not get, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outboard.resources.component import Component
from outboard.resources.node import near

__all__ = ["LeftOut", "in_namespace", "left_out", "none_loaded"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A component that one app does not get; `reason` is a phrase."""

    name: str
    type: str
    reason: str

    def told(self, app_id: str) -> str:
        """One sentence about it."""
        return f"component '{self.name}' ({self.type}) is left out of {app_id}: {self.reason}"


def in_namespace(component: Component, namespace: str) -> bool:
    """Whether a sidecar of `namespace` takes it: where one of both is empty, it does."""
    return not namespace or not component.namespace or component.namespace == namespace


def left_out(components: Iterable[Component], app_id: str, namespace: str) -> Iterator[LeftOut]:
    """Those of `components` that the app does not get, unless it gets another one of that name."""
    every = list(components)
    reasons = [_reason(each, app_id, namespace) for each in every]
    there = {each.name for each, reason in zip(every, reasons, strict=True) if not reason}
    for each, reason in zip(every, reasons, strict=True):
        if reason and each.name not in there:
            yield LeftOut(each.name, each.type, reason)


def none_loaded(folders: Sequence[Path], out: Sequence[LeftOut]) -> str:
    """Why an app has no component at all: a phrase."""
    if not folders:
        return "no folder with component files was named (`--resources-path`, `resourcesPath` in dapr.yaml)"
    where = ", ".join(map(str, folders))
    if out:
        return f"each in {where} is left out"
    return f"there is none in {where} (.yaml and .yml files directly in it are read)"


def _reason(component: Component, app_id: str, namespace: str) -> str:
    """Empty where the app gets it."""
    if not in_namespace(component, namespace):
        return f"its namespace is {component.namespace}, and NAMESPACE is {namespace}"
    if not component.scopes or app_id in component.scopes:
        return ""
    hint = near(app_id, component.scopes, 0.8)
    told = f"its scopes are [{', '.join(component.scopes)}]"
    return f"{told}. {hint}" if hint else told
