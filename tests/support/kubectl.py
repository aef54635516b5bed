"""A kubectl command, held against manifests: does everything that it names exist there?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from support.commands import Command

WORKLOADS = {"Deployment", "StatefulSet"}
ELSEWHERE = {"dapr-system", "keda"}
"""Namespaces that other installations make."""
KINDS = {"component", "components", "pods", "subscriptions", "services", "secrets"}
VERBS = {
    "logs",
    "exec",
    "get",
    "port-forward",
    "rollout",
    "scale",
    "wait",
    "apply",
    "create",
    "describe",
    "delete",
    "set",
    "cp",
}


@dataclass(frozen=True)
class Deployed:
    """What the manifests of a folder make."""

    documents: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, folder: Path) -> Deployed:
        """Those of all files of the folder."""
        files = sorted(folder.glob("*.yaml"))
        return cls([each for file in files for each in yaml.safe_load_all(file.read_text(encoding="utf-8"))])

    @property
    def namespaces(self) -> set[str]:
        return {each["metadata"]["name"] for each in self.documents if each["kind"] == "Namespace"}

    def has(self, kind: str, name: str) -> bool:
        """Whether there is one of a kind and name."""
        return any((each["kind"], each["metadata"]["name"]) == (kind, name) for each in self.documents)

    def workloads(self, namespace: str | None) -> Iterator[dict[str, Any]]:
        """What makes pods there."""
        for each in self.documents:
            if each["kind"] in WORKLOADS and each["metadata"]["namespace"] == namespace:
                yield each

    def meant(self, command: Command) -> list[dict[str, Any]]:
        """The workloads whose pods a command is about, by label, by name, or by the name of a pod."""
        label = command.option("-l", "--selector")
        words = {each.partition(":")[0] for each in command.words}
        return [
            each
            for each in self.workloads(command.option("-n", "--namespace"))
            if (label is not None and label in _labels(each)) or _names(each) & words
        ]


def mistakes(command: Command, deployed: Deployed, root: Path) -> Iterator[str]:
    """What of a command is not so. An empty one is a command that can be followed."""
    verb = command.words[1]
    namespace = command.option("-n", "--namespace")
    if verb not in VERBS:
        yield f"`{verb}` is not looked at"
    if file := command.option("-f", "-k"):
        if not (root / file).exists():
            yield f"there is no {file}"
        return
    if namespace is None or namespace not in deployed.namespaces | ELSEWHERE:
        yield f"no namespace {namespace}"
    elif namespace not in ELSEWHERE:
        yield from _mistakes_in_namespace(command, deployed, verb)


def _mistakes_in_namespace(command: Command, deployed: Deployed, verb: str) -> Iterator[str]:
    if verb in ("get", "describe", "delete") and command.words[2] not in KINDS:
        yield f"`{command.words[2]}` is not looked at"
    if verb in ("get", "describe", "delete", "create"):
        if command.words[2] == "component" and not deployed.has("Component", command.words[3]):
            yield f"no component {command.words[3]}"
        return
    meant = deployed.meant(command)
    if not meant:
        yield "no manifest for what it is about"
    container = command.option("-c", "--container")
    if container is not None and not any(container in _containers(each) for each in meant):
        yield f"no container {container}"
    if verb == "logs" and container is None:
        yield "it names no container, and there are two"
    if verb == "port-forward":
        port = int(re.split(":", command.words[-1])[-1])
        if not any(port in ports for each in meant for ports in _containers(each).values()):
            yield f"no container has the port {port}"


def _labels(workload: dict[str, Any]) -> set[str]:
    return {f"{key}={value}" for key, value in workload["spec"]["template"]["metadata"]["labels"].items()}


def _names(workload: dict[str, Any]) -> set[str]:
    kind, name = workload["kind"], workload["metadata"]["name"]
    return {f"{kind.lower()}/{name}", f"{name}-0" if kind == "StatefulSet" else f"{name.upper()}-POD"}


def _containers(workload: dict[str, Any]) -> dict[str, set[int]]:
    """The containers of its pods with their ports; with the sidecar where there is one."""
    template = workload["spec"]["template"]
    found = {
        each["name"]: {port["containerPort"] for port in each["ports"]}
        for each in template["spec"]["containers"]
    }
    has_sidecar = template["metadata"].get("annotations", {}).get("dapr.io/enabled") == "true"
    return {**found, "daprd": {3500}} if has_sidecar else found
