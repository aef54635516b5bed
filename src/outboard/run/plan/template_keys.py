"""Which keys a run file has at which place, and what is said about others. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outboard.resources.finding import Finding
from outboard.resources.node import Node, near
from outboard.run.plan.settings import BY_KEY, SETTINGS

__all__ = ["APP_KEYS", "COMMON_KEYS", "TOP_KEYS", "instead_of", "refuse_other_kinds", "unknown_keys"]

TOP_KEYS: Final = frozenset({"version", "common", "apps", "name"})
COMMON_KEYS: Final = frozenset(
    {setting.key for setting in SETTINGS if setting.shared}
    | {"resourcesPath", "env", "appLogDestination", "daprdLogDestination", "runtimePath", "daprPath"}
)
APP_KEYS: Final = (
    COMMON_KEYS
    | frozenset(BY_KEY)
    | {"appID", "appDirPath", "command", "containerImage", "containerImagePullPolicy", "createService"}
)
"""`runtimePath`, `daprPath` and the container keys are Dapr's too; they have no meaning for a local run."""
PLACES: Final = (
    (TOP_KEYS, "at the top of the file"),
    (COMMON_KEYS, "under `common`, or under one app"),
    (APP_KEYS, "under one app in `apps`"),
)
FREE: Final = "x-"
"""What begins so is the author's own, as in other formats with anchors to share."""


def unknown_keys(node: Node, known: frozenset[str]) -> Iterator[Finding]:
    """A warning for each key of the mapping `node` that is none of `known`: `dapr run` ignores them."""
    for each in node.unknown(known):
        if not each.key.startswith(FREE):
            problem = f"unknown key `{each.key}` is ignored"
            yield Finding(str(node.path), each.key_line, problem, _advice(each.key, known))


def instead_of(key: str, node: Node, known: frozenset[str]) -> str:
    """The advice about a missing `key` where `node` has one that looks like it; else empty."""
    for each in node.unknown(known):
        if _near(each.key, frozenset({key})):
            return f"Line {each.key_line} has `{each.key}`: did you mean `{key}`?"
    return ""


def refuse_other_kinds(root: Node) -> None:
    """Raise ResourceError where the document is a resource of Dapr's or of Kubernetes'."""
    kind = root.get("kind")
    if kind is None or root.get("apiVersion") is None:
        return
    of_dapr = root.string("apiVersion").startswith("dapr.io/")
    owner = "Dapr" if of_dapr else "Kubernetes"
    problem = f"this is a {owner} resource of kind {kind.as_string()}, no run file"
    advice = "A run file has `version: 1` and `apps:`."
    if of_dapr and kind.as_string() == "Configuration":
        advice += " A Configuration is named there by `configFilePath`, or with `--config`."
    elif of_dapr:
        advice += " The folder of a resource is named there by `resourcesPath`, or with `--resources`."
    raise kind.error(problem, advice)


def _advice(key: str, known: frozenset[str]) -> str:
    for keys, place in PLACES:
        if key in keys:
            return f"It belongs {place}."
    return _near(key, known)


def _near(key: str, known: frozenset[str]) -> str:
    """A slip rarely changes the first letter, and other words do: `venv` is no `env`."""
    return near(key, [name for name in known if name[:1].lower() == key[:1].lower()])
