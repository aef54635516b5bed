"""The resources that one app does not get, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from outboard.resources.component import Component
from outboard.resources.finding import Finding
from outboard.resources.node import near

__all__ = ["LeftOut", "in_namespace", "left_out", "none_loaded", "out_of_scope"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A component that one app does not get; `reason` is a phrase, `advice` are sentences.

    `line` of `file` is where it is written that it is so; empty and 0 where that is nowhere.
    """

    name: str
    type: str
    reason: str
    advice: str = ""
    file: str = ""
    line: int = 0

    @property
    def finding(self) -> Finding:
        """The same about the file, whatever the app."""
        problem = f"component '{self.name}' ({self.type}) is left out: {self.reason}"
        return Finding(self.file, self.line, problem, self.advice)

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
            yield LeftOut(each.name, each.type, reason, file=str(each.path), line=each.line)


def none_loaded(folders: Sequence[Path], out: Sequence[LeftOut]) -> str:
    """Why an app has no component at all: a phrase."""
    if not folders:
        return "no folder with component files was named (`--resources-path`, `resourcesPath` in dapr.yaml)"
    where = ", ".join(map(str, folders))
    if out:
        return f"each in {where} is left out"
    return f"there is none in {where} (.yaml and .yml files directly in it are read)"


def out_of_scope(scopes: Sequence[str], app_id: str) -> str:
    """Why `scopes` keep a resource from the app, with the near name; empty where they do not."""
    if not scopes or app_id in scopes:
        return ""
    hint = near(app_id, scopes, 0.8)
    told = f"its scopes are [{', '.join(scopes)}]"
    return f"{told}. {hint}" if hint else told


def _reason(component: Component, app_id: str, namespace: str) -> str:
    """Empty where the app gets it."""
    if not in_namespace(component, namespace):
        return f"its namespace is {component.namespace}, and NAMESPACE is {namespace}"
    return out_of_scope(component.scopes, app_id)
