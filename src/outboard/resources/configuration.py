"""Dapr's Configuration resource (`--config`) as a frozen value: the settings that this sidecar goes by.

Source: Dapr, "Configuration overview"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from outboard.resources.finding import Finding

__all__ = [
    "ApiAccess",
    "ApiLogging",
    "Configuration",
    "MetricsSettings",
    "NameResolution",
    "SecretScope",
]


@dataclass(frozen=True, slots=True)
class ApiAccess:
    """Rules about the API of one protocol, each as "v1/state" or "v1.0/state". Empty `allowed` allows all."""

    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ApiLogging:
    """Whether calls of the API are logged, under the route's name, and without those about health."""

    enabled: bool = False
    obfuscate_urls: bool = False
    omit_health_checks: bool = False


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Whether there are metrics, whether they count the API's answers by error code, and requests by path.

    `latency_buckets` are the upper bounds, in milliseconds; empty are daprd's own.
    """

    enabled: bool = True
    record_error_codes: bool = False
    with_paths: bool = True
    latency_buckets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class SecretScope:
    """Which secrets of one store the app may read."""

    store: str
    default_access: Literal["allow", "deny"] = "allow"
    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()

    def allows(self, key: str) -> bool:
        """Where secrets are allowed by name, only they may be read; else all but the denied, by default."""
        if self.allowed:
            return key in self.allowed
        return key not in self.denied and self.default_access == "allow"


@dataclass(frozen=True, slots=True)
class NameResolution:
    """How sidecars find each other: a component's name ("sqlite") and its settings, as texts."""

    component: str
    settings: Mapping[str, str] = field(default_factory=dict)
    path: Path = Path("(built in)")
    line: int = 0


@dataclass(frozen=True, slots=True)
class Configuration:
    """The settings of all files together.

    `denied_components` are types ("pubsub.kafka") or types with a version ("pubsub.kafka/v1"), of which case
    counts. `features` are the names of those that are on, `findings` what a person should know of the files.
    `refuses_calls`: no other app may call this one. `name_resolution` None is the sidecars' own.
    """

    api: ApiAccess = ApiAccess()
    api_logging: ApiLogging = ApiLogging()
    secret_scopes: tuple[SecretScope, ...] = ()
    denied_components: frozenset[str] = frozenset()
    features: tuple[str, ...] = ("HotReload", "WorkflowsRemoteActivityReminder")
    metrics: MetricsSettings = MetricsSettings()
    findings: tuple[Finding, ...] = field(default=(), compare=False)
    grpc_api: ApiAccess = ApiAccess()
    refuses_calls: bool = False
    name_resolution: NameResolution | None = None

    def may_read(self, store: str, key: str) -> bool:
        """Whether the app may read secret `key` of the secret store `store`."""
        return all(scope.allows(key) for scope in self.secret_scopes if scope.store == store)

    def allows_component(self, type: str, version: str) -> bool:
        """Whether there may be a component of this type and version."""
        return not self.denied_components & {type, f"{type}/{version}"}
