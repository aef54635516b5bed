"""What is to be restarted when a run is planned again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from outboard.run.plan.plan import AppPlan, RunPlan

__all__ = ["AppChange", "plan_changes"]

APP_ALONE: Final = ("command", "app_log")
"""What the sidecar has nothing to do with."""
SIDECAR_ALONE: Final = ("sidecar", "sidecar_log", "api_token_optional")
"""What the app has nothing to do with, where its environment stays as it is."""
WORDS: Final[Mapping[str, str]] = {
    "command": "its command",
    "directory": "its folder",
    "own_variables": "its `env`",
    "variables": "what it is told",
    "app_port": "its port",
    "app_host": "its host",
    "http_port": "the port of its sidecar",
    "grpc_port": "the gRPC port of its sidecar",
    "sidecar": "the options of its sidecar",
    "tokens": "its tokens",
    "app_log": "where its output goes",
    "sidecar_log": "where the log of its sidecar goes",
}
"""Fields that a person knows, in the order in which they are named; the values may be secrets."""


@dataclass(frozen=True, slots=True)
class AppChange:
    """An app as it was and as it is to be: None for not at all.

    `restarts` says which processes begin anew: `app`, `sidecar`, or both.
    """

    app_id: str
    before: AppPlan | None
    after: AppPlan | None
    restarts: tuple[str, ...]
    reason: str

    @property
    def ends_process(self) -> bool:
        """Whether the app ends, or is told anew how to be started where somebody else starts it."""
        known = self.before or self.after
        waited_for = known is not None and not known.started_here
        return "app" in self.restarts or (waited_for and self.before != self.after)


def plan_changes(before: RunPlan, after: RunPlan) -> tuple[AppChange, ...]:
    """What it takes to come from `before` to `after`: first what ends, then the apps in their order."""
    removed = [
        AppChange(app.app_id, app, None, _processes(app), "it is no longer in the run file")
        for app in before.apps
        if after.app(app.app_id) is None
    ]
    changes = [_change(before.app(app.app_id), app) for app in after.apps]
    return (*removed, *(change for change in changes if change is not None))


def _change(before: AppPlan | None, after: AppPlan) -> AppChange | None:
    if before is None:
        return AppChange(after.app_id, None, after, _processes(after), "it is new in the run file")
    names = _changed_fields(before, after)
    if not names:
        return None
    restarts = [
        part
        for part, without in (("app", SIDECAR_ALONE), ("sidecar", APP_ALONE))
        if names.difference(without) and part in _processes(after)
    ]
    said = [words for name, words in WORDS.items() if name in names] or ["how it is run"]
    return AppChange(after.app_id, before, after, tuple(restarts), f"other than before: {', '.join(said)}")


def _changed_fields(before: AppPlan, after: AppPlan) -> set[str]:
    """Where it is written does not count."""
    placed = replace(before, origin=after.origin, picked_ports=after.picked_ports)
    return {name for name in AppPlan.__dataclass_fields__ if getattr(placed, name) != getattr(after, name)}


def _processes(app: AppPlan) -> tuple[str, ...]:
    return ("app", "sidecar") if app.started_here else ("sidecar",)
