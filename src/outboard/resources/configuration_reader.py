"""From Configuration files to the settings of a sidecar.

daprd looks for each key exactly as it is written in its documentation, takes the first document of a file,
whatever its kind, and ignores all that it does not know. Here a person is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from outboard.errors import CommandError
from outboard.resources import document
from outboard.resources.call_settings import read_name_resolution, refuses_calls
from outboard.resources.configuration import (
    ApiAccess,
    ApiLogging,
    Configuration,
    MetricsSettings,
    NameResolution,
    SecretScope,
)
from outboard.resources.configuration_fields import field_at, flag_at, text_at
from outboard.resources.configuration_findings import configuration_findings
from outboard.resources.finding import Errors, Finding, refuse_errors
from outboard.resources.metrics_settings import METRICS, read_metrics
from outboard.resources.node import Node
from outboard.resources.secret_scopes import read_secret_scopes
from outboard.resources.variables import expand_variables

__all__ = ["load_configuration", "read_configuration"]

DEFAULT_FEATURES: Final = Configuration().features


def load_configuration(paths: Sequence[Path], environment: Mapping[str, str]) -> Configuration:
    """As `read_configuration`, where no error is found.

    Raises ResourceError, or ResourcesInvalid for several; CommandError for a file that is not there.
    """
    configuration = read_configuration(paths, environment)
    refuse_errors(configuration.findings)
    return configuration


def read_configuration(paths: Sequence[Path], environment: Mapping[str, str]) -> Configuration:
    """The settings of the files `paths` together; a list in a later file replaces that of an earlier one.

    `$VAR` and `${VAR}` in the files stand for variables of `environment`. Without files the defaults.
    What cannot be read is a finding, and reading goes on with the next file. Raises CommandError for a file
    that is not there.
    """
    settings = _Settings()
    for path in paths:
        if not path.is_file():
            raise CommandError(f"--config {path}: there is no such file", "Name a Configuration file")
        with settings.errors.gathered():
            settings.take(path, environment)
    return settings.configuration()


@dataclass(slots=True)
class _Settings:
    """Collects what the files say."""

    api: ApiAccess = field(default_factory=ApiAccess)
    grpc_api: ApiAccess = field(default_factory=ApiAccess)
    logging: ApiLogging = field(default_factory=ApiLogging)
    scopes: tuple[SecretScope, ...] = ()
    denied_components: frozenset[str] = frozenset()
    features: tuple[tuple[str, bool], ...] = ()
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    refuses_calls: bool = False
    name_resolution: NameResolution | None = None
    errors: Errors = field(default_factory=Errors)

    def take(self, path: Path, environment: Mapping[str, str]) -> None:
        text, missing = expand_variables(document.text_of(path), environment)
        for name in missing:
            problem = f"environment variable {name} is not set; it counts as empty"
            self.errors.findings.append(Finding(str(path), 0, problem))
        documents = document.load(path, text)
        if not documents:
            return
        for finding in configuration_findings(documents):
            self.errors.findings.append(finding)  # each at once: a further one may raise
        spec = field_at(documents[0], "spec")
        if spec is not None:
            self._read(spec)

    def configuration(self) -> Configuration:
        return Configuration(
            self.api,
            self.logging,
            self.scopes,
            self.denied_components,
            _enabled(self.features),
            self.metrics,
            tuple(self.errors.findings),
            self.grpc_api,
            self.refuses_calls,
            self.name_resolution,
        )

    def _read(self, spec: Node) -> None:
        readers: Sequence[tuple[Sequence[str], Callable[[Node], None]]] = (
            (("api", "allowed"), self._read_allowed),
            (("api", "denied"), self._read_denied),
            (("logging", "apiLogging"), self._read_logging),
            (("secrets", "scopes"), self._read_scopes),
            (("components", "deny"), self._read_denied_components),
            (("features",), self._read_features),
            *(((key,), self._read_metrics) for key in METRICS),
            (("accessControl",), self._read_access_control),
            (("nameResolution",), self._read_name_resolution),
        )
        for keys, read in readers:
            with self.errors.gathered():
                if (node := field_at(spec, *keys)) is not None:
                    read(node)

    def _read_allowed(self, node: Node) -> None:
        self.api = replace(self.api, allowed=_access_rules(node, "http"))
        self.grpc_api = replace(self.grpc_api, allowed=_access_rules(node, "grpc"))

    def _read_denied(self, node: Node) -> None:
        self.api = replace(self.api, denied=_access_rules(node, "http"))
        self.grpc_api = replace(self.grpc_api, denied=_access_rules(node, "grpc"))

    def _read_logging(self, node: Node) -> None:
        self.logging = _api_logging(node, self.logging)

    def _read_scopes(self, node: Node) -> None:
        self.scopes = read_secret_scopes(node)

    def _read_denied_components(self, node: Node) -> None:
        self.denied_components = frozenset(each.as_string() for each in node.items())

    def _read_features(self, node: Node) -> None:
        self.features = tuple(map(_feature, node.items()))

    def _read_metrics(self, node: Node) -> None:
        self.metrics = read_metrics(node, self.metrics)

    def _read_access_control(self, node: Node) -> None:
        self.refuses_calls = refuses_calls(node)

    def _read_name_resolution(self, node: Node) -> None:
        self.name_resolution = read_name_resolution(node)


def _access_rules(rules: Node, protocol: str) -> frozenset[str]:
    """The rules about one protocol."""
    about = (rule for rule in rules.items() if text_at(rule, "protocol").lower() == protocol)
    return frozenset(f"{text_at(rule, 'version')}/{text_at(rule, 'name')}" for rule in about)


def _api_logging(node: Node, before: ApiLogging) -> ApiLogging:
    return replace(
        before,
        enabled=flag_at(node, "enabled", before.enabled),
        obfuscate_urls=flag_at(node, "obfuscateURLs", before.obfuscate_urls),
        omit_health_checks=flag_at(node, "omitHealthChecks", before.omit_health_checks),
    )


def _feature(node: Node) -> tuple[str, bool]:
    return text_at(node, "name"), flag_at(node, "enabled")


def _enabled(features: Sequence[tuple[str, bool]]) -> tuple[str, ...]:
    """The features that are on: the default ones unless they are named, and those that are switched on."""
    named = {name for name, _ in features}
    on: dict[str, None] = {}
    for name, enabled in features:
        if enabled and name:
            on[name] = None
        elif name in on:
            del on[name]
    return (*(name for name in DEFAULT_FEATURES if name not in named), *on)
