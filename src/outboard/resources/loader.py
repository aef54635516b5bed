"""From folders of resource files to the resources that one app's sidecar uses.

Source: Dapr, "Component schema", "Scope components to one or more applications"; daprd 1.18.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from outboard.errors import CommandError
from outboard.gojson import encoding
from outboard.resources import component, document, http_endpoint, resiliency_reader, shape, subscription
from outboard.resources.component import Component
from outboard.resources.configuration_findings import UNSERVED
from outboard.resources.finding import Errors, Finding, refuse_errors
from outboard.resources.http_endpoint import HttpEndpoint
from outboard.resources.left_out import LeftOut, in_namespace, left_out
from outboard.resources.node import Node, near
from outboard.resources.resiliency import Resiliency, unknown_policies
from outboard.resources.shape import Shape
from outboard.resources.subscription import DeclaredSubscription

__all__ = ["AtStart", "Resources", "load_resources", "read_resources"]

SUFFIXES: Final = frozenset({".yaml", ".yml"})
GROUP: Final = "dapr.io/"
VERSIONS: Final = {
    "Component": ("dapr.io/v1alpha1",),
    "Subscription": ("dapr.io/v1alpha1", "dapr.io/v2alpha1"),
    "Resiliency": ("dapr.io/v1alpha1",),
    "HTTPEndpoint": ("dapr.io/v1alpha1",),
}

DEFAULT_POLICY: Final = re.compile(r"(Default\w*Policy|DaprBuiltIn\w*)\Z")
"""The names of those that count where no target names one."""


@dataclass(frozen=True, slots=True)
class AtStart:
    """A resource that a sidecar reads only as it starts; `content` is compared, and nothing else."""

    kind: str
    name: str
    content: bytes = field(repr=False)


Scoped = TypeVar("Scoped", Component, DeclaredSubscription, Resiliency, HttpEndpoint)


@dataclass(frozen=True, slots=True)
class Resources:
    """What one app's sidecar is to use, in the order of files, and what a person should know about them.

    `left_out` are the components that it does not get, `subscriptions_of_others` the subscriptions whose
    scopes do not name it.
    """

    components: tuple[Component, ...] = ()
    subscriptions: tuple[DeclaredSubscription, ...] = ()
    resiliencies: tuple[Resiliency, ...] = ()
    findings: tuple[Finding, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    subscriptions_of_others: tuple[DeclaredSubscription, ...] = ()
    http_endpoints: tuple[HttpEndpoint, ...] = ()
    at_start: tuple[AtStart, ...] = ()
    """Those that count from the next start on: a Configuration is named by `--config`."""


def load_resources(paths: Sequence[Path], app_id: str, namespace: str = "") -> Resources:
    """As `read_resources`, where no error is found.

    Raises ResourceError, or ResourcesInvalid for several; CommandError where a folder cannot be read.
    """
    resources = read_resources(paths, app_id, namespace)
    refuse_errors(resources.findings)
    return resources


def read_resources(paths: Sequence[Path], app_id: str, namespace: str = "") -> Resources:
    """Read the `.yaml` and `.yml` files directly in the folders `paths`, in the order of folders and names.

    Left out are resources with `scopes` that do not name `app_id`, and components of another namespace than
    `namespace` (the environment variable NAMESPACE; where it is empty all pass, as does a component without
    one). Of two subscriptions of one name the later counts.

    What is wrong is a finding, and reading goes on behind it. daprd only warns of a file that cannot be read,
    and goes on without it; here it is an error, because what then fails is far from the cause. So are two
    components of one name.

    Raises CommandError where a folder cannot be read.
    """
    found = _Found()
    for path in itertools.chain.from_iterable(map(_entries, paths)):
        if path.is_dir():
            continue
        if path.suffix.lower() in SUFFIXES:
            found.read(path)
        else:
            found.findings.append(Finding(str(path), 0, "not loaded, only .yaml and .yml files are"))
    components = [each for each in found.components if in_namespace(each, namespace)]
    subscriptions = _last_of_each_name(_of_app(found.subscriptions, app_id))
    resiliencies = tuple(_of_app(found.resiliencies, app_id))
    findings = [*found.findings, *_duplicates(components)]
    if all(each.severity != "error" for each in findings):  # else the policy may stand in what was not read
        findings += map(Finding.of, unknown_policies(resiliencies))
        findings += _vain_policies(resiliencies, found.components)
    return Resources(
        components=tuple(_of_app(components, app_id)),
        subscriptions=tuple(subscriptions),
        resiliencies=resiliencies,
        findings=tuple(findings),
        left_out=tuple(left_out(found.components, app_id, namespace)),
        subscriptions_of_others=tuple(
            each for each in found.subscriptions if each.scopes and app_id not in each.scopes
        ),
        http_endpoints=tuple(_of_app(found.http_endpoints, app_id)),
        at_start=tuple(found.at_start),
    )


class _Found:
    """Collects what the documents hold."""

    def __init__(self) -> None:
        self.components: list[Component] = []
        self.subscriptions: list[DeclaredSubscription] = []
        self.resiliencies: list[Resiliency] = []
        self.http_endpoints: list[HttpEndpoint] = []
        self.at_start: list[AtStart] = []
        self._errors = Errors()
        self.findings = self._errors.findings

    def read(self, path: Path) -> None:
        """Take the documents of the file at `path`; what is wrong in one does not keep from the next."""
        with self._errors.gathered():
            for index, node in enumerate(document.read(path)):
                with self._errors.gathered():
                    self._add(node, first=index == 0)

    def _add(self, node: Node, *, first: bool) -> None:
        """Take one document; `first` of its file or not. Raises ResourceError."""
        if not isinstance(node.value, Mapping):
            return
        kind, version = node.string("kind"), node.string("apiVersion")
        if version not in VERSIONS.get(kind, ()):
            self._skip(node, kind, version)
            return
        self._warn_of_repeated(node)
        match kind:
            case "Component":
                self._warn_of_unknown(node, shape.COMPONENT)
                self.components.append(component.parse(node))
            case "Subscription":
                self._warn_of_unknown(node, shape.SUBSCRIPTION)
                self._add_subscription(subscription.parse(node))
            case "HTTPEndpoint":
                self._warn_of_unknown(node, shape.HTTP_ENDPOINT)
                self.http_endpoints.append(http_endpoint.parse(node))
            case _:
                self._warn_of_unknown(node, shape.RESILIENCY)
                self.resiliencies.append(resiliency_reader.parse(node))
                if not first:
                    self._warn(node, "daprd reads a Resiliency only where it is the first document of a file")

    def _add_subscription(self, found: DeclaredSubscription) -> None:
        if found.name in {".", ".."} or "/" in found.name or "%" in found.name:
            problem = f"not loaded, as in daprd: `{found.name}` cannot stand in a URL"
            self.findings.append(Finding(str(found.path), found.line, problem, "Leave `/` and `%` out"))
        else:
            self.subscriptions.append(found)

    def _skip(self, node: Node, kind: str, version: str) -> None:
        if kind in VERSIONS and (version.startswith("dapr") or not version):
            known = " or ".join(VERSIONS[kind])
            self._warn(node, f"not loaded: `apiVersion` of a {kind} is {known}, not `{version}`")
        elif kind == "Configuration" and version.startswith(GROUP):
            metadata = node.mapping("metadata")
            name = "" if metadata is None else metadata.string("name")
            self.at_start.append(AtStart(kind, name, encoding.encode(node.plain())))
            if set(_keys_of_spec(node)) <= UNSERVED.keys():
                return  # as `observability.yaml` of Dapr's quickstarts: to name it would change nothing
            self._warn(node, f"not loaded: name the file with `--config {node.path}`")
        elif version.startswith(GROUP):
            advice = near(kind, VERSIONS) or f"It serves {', '.join(VERSIONS)}"
            self._warn(node, f"not loaded: this sidecar does not serve kind `{kind}`", advice)

    def _warn_of_unknown(self, document: Node, known: Shape) -> None:
        for node, keys in shape.unknown_keys(document, known):
            self._warn(node, f"unknown key `{node.key}` is ignored", near(node.key, keys))

    def _warn_of_repeated(self, document: Node) -> None:
        for node in document.repeated():
            text = f"key `{node.key}` is written twice; what it says in line {node.earlier_line} is ignored"
            self._warn(node, text)

    def _warn(self, node: Node, problem: str, advice: str = "") -> None:
        self.findings.append(Finding(str(node.path), node.key_line, problem, advice))


def _keys_of_spec(document: Node) -> Collection[str]:
    spec = document.get("spec")
    return spec.value.keys() if spec is not None and isinstance(spec.value, Mapping) else ("",)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        problem = f"cannot read the resources folder {folder}: {error.strerror}"
        raise CommandError(problem, "Correct `--resources-path`, or create the folder.") from error


def _of_app(resources: Iterable[Scoped], app_id: str) -> Iterator[Scoped]:
    return (each for each in resources if not each.scopes or app_id in each.scopes)


def _duplicates(components: Iterable[Component]) -> Iterator[Finding]:
    first: dict[str, Component] = {}
    for each in components:
        there = first.setdefault(each.name, each)
        if there is not each:
            place = f"{there.path}:{there.line}"
            problem = f"component name '{each.name}' is taken by {there.type} in {place}, whatever the scopes"
            told = (
                f"duplicate definition of Component name {_described(each)} with existing {_described(there)}"
            )
            yield Finding(str(each.path), each.line, problem, "Rename or remove one of them.", "error", told)


def _described(component: Component) -> str:
    return f"{component.name} ({component.type}/{component.version})"


def _vain_policies(resiliencies: Sequence[Resiliency], components: Sequence[Component]) -> Iterator[Finding]:
    """A warning for each target that is no component, and for each policy that nobody uses."""
    names = [each.name for each in components]
    used = {name for each in resiliencies for name in each.used_policies}
    for each in resiliencies:
        for target in dict.fromkeys((*each.inbound, *each.outbound)):
            if target not in names:
                problem = f"Resiliency '{each.name}' has a target '{target}', and there is no such component"
                yield Finding(str(each.path), each.line_of(target), problem, near(target, names))
        for policy in each.policy_names:
            if policy not in used and not DEFAULT_POLICY.match(policy):
                problem = f"no target uses policy '{policy}' of Resiliency '{each.name}'"
                yield Finding(str(each.path), each.line_of(policy), problem, near(policy, used))


def _last_of_each_name(subscriptions: Iterable[DeclaredSubscription]) -> list[DeclaredSubscription]:
    named: dict[object, DeclaredSubscription] = {}
    for index, each in enumerate(subscriptions):
        key = each.name or index
        named.pop(key, None)  # the later one stands where it is written
        named[key] = each
    return list(named.values())
