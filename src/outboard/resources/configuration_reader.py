"""From Configuration files to the settings of a sidecar.

daprd looks for each key exactly as it is written in its documentation, takes the first document of a file,
whatever its kind, and ignores all that it does not know. Here a person is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, cast

from outboard.errors import CommandError
from outboard.resources import document, shape
from outboard.resources.configuration import (
    ApiAccess,
    ApiLogging,
    Configuration,
    MetricsSettings,
    SecretScope,
)
from outboard.resources.finding import Errors, Finding, refuse_errors
from outboard.resources.node import Node, near
from outboard.resources.variables import expand_variables

__all__ = ["load_configuration", "read_configuration"]

DEFAULT_FEATURES: Final = Configuration().features
ACCESS: Final = ("allow", "deny")
UNSERVED: Final = {
    "accessControl": "service invocation",
    "appHttpPipeline": "middleware",
    "httpPipeline": "middleware",
    "mtls": "mTLS",
    "nameResolution": "service invocation",
    "tracing": "the export of traces",
    "wasm": "WebAssembly components",
    "workflow": "workflows",
}
"""The settings for parts that this sidecar does not serve."""


METRICS: Final = ("metric", "metrics")
"""The two keys of the settings of metrics; what both say the second decides."""
METRICS_READ: Final = ("enabled", "recordErrorCodes", "http", "latencyDistributionBuckets")
HTTP_READ: Final = "increasedCardinality"


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
    errors: Errors = field(default_factory=Errors)

    def take(self, path: Path, environment: Mapping[str, str]) -> None:
        text, missing = expand_variables(document.text_of(path), environment)
        for name in missing:
            problem = f"environment variable {name} is not set; it counts as empty"
            self.errors.findings.append(Finding(str(path), 0, problem))
        documents = document.load(path, text)
        if not documents:
            return
        for other in documents[1:]:
            self._warn(other, "not read: only the first document of a Configuration file is")
        self._warn_about(documents[0])
        spec = _at(documents[0], "spec")
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
        )
        for keys, read in readers:
            with self.errors.gathered():
                if (node := _at(spec, *keys)) is not None:
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
        self.scopes = _secret_scopes(node)

    def _read_denied_components(self, node: Node) -> None:
        self.denied_components = frozenset(each.as_string() for each in node.items())

    def _read_features(self, node: Node) -> None:
        self.features = tuple(map(_feature, node.items()))

    def _read_metrics(self, node: Node) -> None:
        self.metrics = _metrics(node, self.metrics)

    def _warn_about(self, document: Node) -> None:
        kind = document.string("kind")
        if kind != "Configuration":
            self._warn(document, f"read as a Configuration, but its kind is `{kind}`")
        for node, keys in shape.unknown_keys(document, shape.CONFIGURATION, fold_case=False):
            self._warn(node, f"unknown key `{node.key}` is ignored", near(node.key, keys))
        spec = _at(document, "spec")
        for node in () if spec is None else spec.fields().values():
            if node.key in UNSERVED:
                part = UNSERVED[node.key]
                self._warn(node, f"`{node.key}` has no effect: this sidecar does not serve {part}")
            if node.key in METRICS:
                self._warn_about_metrics(node)

    def _warn_about_metrics(self, node: Node) -> None:
        http = _at(node, "http")
        unread = [each for each in node.fields().values() if each.key not in METRICS_READ]
        unread += [] if http is None else [each for each in http.fields().values() if each.key != HTTP_READ]
        for each in unread:
            self._warn(each, f"`{each.key}` has no effect: this sidecar tells its metrics as they are")

    def _warn(self, node: Node, problem: str, advice: str = "") -> None:
        self.errors.findings.append(Finding(str(node.path), node.key_line or node.line, problem, advice))


def _at(node: Node, *keys: str) -> Node | None:
    """What stands under `keys`, one below the other, each exactly as written."""
    found: Node | None = node
    for key in keys:
        found = None if found is None else found.fields().get(key)
    return None if found is None or found.absent else found


def _text(node: Node, key: str) -> str:
    found = _at(node, key)
    return "" if found is None else found.as_string()


def _flag(node: Node, key: str, default: bool = False) -> bool:
    found = _at(node, key)
    return default if found is None else found.as_boolean()


def _texts(node: Node, key: str) -> frozenset[str]:
    found = _at(node, key)
    return frozenset() if found is None else frozenset(item.as_string() for item in found.items())


def _access_rules(rules: Node, protocol: str) -> frozenset[str]:
    """The rules about one protocol."""
    about = (rule for rule in rules.items() if _text(rule, "protocol").lower() == protocol)
    return frozenset(f"{_text(rule, 'version')}/{_text(rule, 'name')}" for rule in about)


def _api_logging(node: Node, before: ApiLogging) -> ApiLogging:
    return replace(
        before,
        enabled=_flag(node, "enabled", before.enabled),
        obfuscate_urls=_flag(node, "obfuscateURLs", before.obfuscate_urls),
        omit_health_checks=_flag(node, "omitHealthChecks", before.omit_health_checks),
    )


def _metrics(node: Node, before: MetricsSettings) -> MetricsSettings:
    http, buckets = _at(node, "http"), _at(node, "latencyDistributionBuckets")
    return MetricsSettings(
        _flag(node, "enabled", before.enabled),
        _flag(node, "recordErrorCodes", before.record_error_codes),
        before.with_paths if http is None else _flag(http, HTTP_READ, before.with_paths),
        before.latency_buckets
        if buckets is None
        else tuple(sorted(_bucket(each) for each in buckets.items())),
    )


def _bucket(node: Node) -> int:
    """Raises ResourceError."""
    text = node.as_string()
    if text.isdecimal():
        return int(text)
    raise node.error(
        f"`latencyDistributionBuckets` has {text!r}, which is no number of milliseconds",
        "Write whole numbers, as in `[1, 5, 25, 100, 1000]`.",
    )


def _secret_scopes(scopes: Node) -> tuple[SecretScope, ...]:
    read: dict[str, SecretScope] = {}
    for node in scopes.items():
        scope = _secret_scope(node)
        if scope.store in read:
            raise node.error(
                f"secret store '{scope.store}' has two scopes", "Write its rules in one of them."
            )
        read[scope.store] = scope
    return tuple(read.values())


def _secret_scope(node: Node) -> SecretScope:
    access = (_text(node, "defaultAccess") or "allow").lower()
    if access not in ACCESS:
        raise node.error(f"`defaultAccess: {access}` is not known", "Write `allow` or `deny`.")
    return SecretScope(
        _text(node, "storeName"),
        cast("Literal['allow', 'deny']", access),
        _texts(node, "allowedSecrets"),
        _texts(node, "deniedSecrets"),
    )


def _feature(node: Node) -> tuple[str, bool]:
    return _text(node, "name"), _flag(node, "enabled")


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
