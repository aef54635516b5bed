"""What `dapr.yaml` says of Kubernetes: `x-kubernetes`, at the top of the file and under each app. Pure.

Keys that begin with `x-` are an author's own in a run file; Dapr's own for Kubernetes are `containerImage`,
`containerImagePullPolicy` and `createService`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from outboard.resources.node import Node

__all__ = [
    "KEY",
    "LABEL",
    "AppSettings",
    "BuildSettings",
    "ScaleSettings",
    "SystemSettings",
    "Volume",
    "app_settings",
    "system_settings",
]

KEY: Final = "x-kubernetes"
SYSTEM_KEYS: Final = frozenset({"namespace", "resourcesPath", "with", "values", "tokens"})
APP_KEYS: Final = frozenset({
    *("replicas", "env", "secrets", "volume", "cpu", "memory", "memoryLimit", "healthPath"),
    *("stopSeconds", "scale", "build"),
})  # fmt: skip
BUILD_KEYS: Final = frozenset({"context", "python", "install", "installFrom", "dependenciesFrom", "files"})
SCALE_KEYS: Final = frozenset({"pubsub", "topic", "lag", "min", "max"})
VOLUME_KEYS: Final = frozenset({"path", "size"})
TO_TRY_WITH: Final = ("kafka", "redis")
LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")


@dataclass(frozen=True, slots=True)
class SystemSettings:
    """What counts for all apps. `values` are what variables named by an `envRef` are in the cluster."""

    namespace: str = ""
    resources: tuple[str, ...] = ()
    to_try_with: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    tokens: bool = False


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """How an image is built. Paths are relative to `context`, and it to the run file.

    Empty `files` are all of the app's folder; empty `install` is its requirements.txt. `dependencies_from` is
    what of `install_from` is enough to install the dependencies; empty: they are installed with the rest.
    """

    context: str = ""
    python: str = "3.13"
    install: str = ""
    install_from: tuple[str, ...] = ()
    dependencies_from: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScaleSettings:
    """Replicas by how far an app is behind on a topic. An empty `pubsub` is the only component."""

    topic: str
    pubsub: str = ""
    lag: int = 100
    least: int = 1
    most: int = 6


@dataclass(frozen=True, slots=True)
class Volume:
    """A claim of `size`, at `path` in the container."""

    path: str
    size: str = "1Gi"


@dataclass(frozen=True, slots=True)
class AppSettings:
    """What counts for one app. `secrets` are variables that come from a Secret of the app's name."""

    replicas: int = 1
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()
    volume: Volume | None = None
    cpu: str = "50m"
    memory: str = "96Mi"
    memory_limit: str = "256Mi"
    health_path: str = "/healthz"
    stop_seconds: int = 30
    scale: ScaleSettings | None = None
    build: BuildSettings = field(default_factory=BuildSettings)


def system_settings(root: Node) -> SystemSettings:
    """Those at the top of a run file. Raises ResourceError."""
    node = root.mapping(KEY)
    if node is None:
        return SystemSettings()
    node.refuse_unknown(SYSTEM_KEYS | APP_KEYS)
    namespace = node.get("namespace")
    if namespace is not None and not LABEL.match(namespace.as_string()):
        raise namespace.error(
            f"`{namespace.as_string()}` is no namespace", "Write lower-case letters and `-`."
        )
    for each in node.sequence("with"):
        if each.as_string() not in TO_TRY_WITH:
            raise each.error(
                f"there is no {each.as_string()} to try with", f"Write {' or '.join(TO_TRY_WITH)}."
            )
    return SystemSettings(
        namespace.as_string() if namespace is not None else "",
        _texts(node.get("resourcesPath")),
        tuple(each for each in TO_TRY_WITH if each in node.strings("with")),
        node.string_map("values"),
        node.boolean("tokens"),
    )


def app_settings(root: Node, app: Node) -> AppSettings:
    """Those of an app: its own before those at the top of the file. Raises ResourceError."""
    common, own = root.mapping(KEY), app.mapping(KEY)
    if own is not None:
        own.refuse_unknown(APP_KEYS)
    nodes = [each for each in (own, common) if each is not None]
    default = AppSettings()
    probe = app.get("appHealthCheckPath")
    return AppSettings(
        replicas=_count(_first(nodes, "replicas"), default.replicas),
        env={name: value for each in reversed(nodes) for name, value in each.string_map("env").items()},
        secrets=tuple(dict.fromkeys(name for each in nodes for name in each.strings("secrets"))),
        volume=_volume(_first(nodes, "volume")),
        cpu=_text(_first(nodes, "cpu"), default.cpu),
        memory=_text(_first(nodes, "memory"), default.memory),
        memory_limit=_text(_first(nodes, "memoryLimit"), default.memory_limit),
        health_path=_text(_first(nodes, "healthPath") or probe, default.health_path),
        stop_seconds=_count(_first(nodes, "stopSeconds"), default.stop_seconds),
        scale=_scale(_first(nodes, "scale")),
        build=_build(nodes),
    )


def _build(nodes: list[Node]) -> BuildSettings:
    """Key by key, so that apps share what they have in common."""
    builds = [found for each in nodes if (found := each.mapping("build")) is not None]
    for each in builds:
        each.refuse_unknown(BUILD_KEYS)
    default = BuildSettings()
    return BuildSettings(
        _text(_first(builds, "context"), default.context),
        _text(_first(builds, "python"), default.python),
        _text(_first(builds, "install"), default.install),
        _texts(_first(builds, "installFrom")),
        _texts(_first(builds, "dependenciesFrom")),
        _texts(_first(builds, "files")),
    )


def _scale(node: Node | None) -> ScaleSettings | None:
    if node is None:
        return None
    node.refuse_unknown(SCALE_KEYS)
    return ScaleSettings(
        node.require("topic", "Name the topic whose lag counts.").as_string(),
        node.string("pubsub"),
        node.integer("lag", 100),
        node.integer("min", 1),
        node.integer("max", 6),
    )


def _volume(node: Node | None) -> Volume | None:
    if node is None:
        return None
    node.refuse_unknown(VOLUME_KEYS)
    path = node.require("path", "Write where it is in the container: `path: /data`.").as_string()
    return Volume(path, node.string("size", "1Gi"))


def _first(nodes: list[Node], key: str) -> Node | None:
    return next((found for each in nodes if (found := each.get(key)) is not None), None)


def _text(node: Node | None, default: str) -> str:
    return default if node is None else node.as_string()


def _texts(node: Node | None) -> tuple[str, ...]:
    if node is None:
        return ()
    return (
        tuple(each.as_string() for each in node.items())
        if isinstance(node.value, tuple)
        else (node.as_string(),)
    )


def _count(node: Node | None, default: int) -> int:
    if node is None:
        return default
    number = node.as_integer()
    if number < 0:
        raise node.error(f"`{node.key}` is {number}", "Write 0 or more.")
    return number
