"""The annotations of a pod that Dapr's injector reads, and what each may be. Pure.

Source: Dapr, "Dapr arguments and annotations for daprd, CLI, and Kubernetes"; the injector of 1.18.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["ANNOTATIONS", "CHOICES", "FORMER", "PREFIX", "PROBE_DEFAULTS"]

PREFIX: Final = "dapr.io/"

BOOLEANS: Final = (
    "app-ssl disable-builtin-k8s-secret-store enable-api-logging enable-app-health-check enable-debug "
    "enable-metrics enable-native-sidecar enable-profiling enabled inject-pluggable-components log-as-json"
)
PORTS: Final = "app-port debug-port grpc-port internal-grpc-port metrics-port"
INTEGERS: Final = (
    "app-health-probe-interval app-health-probe-timeout app-health-threshold app-max-concurrency "
    "graceful-shutdown-seconds http-max-request-size http-read-buffer-size "
    "sidecar-liveness-probe-delay-seconds sidecar-liveness-probe-period-seconds "
    "sidecar-liveness-probe-threshold sidecar-liveness-probe-timeout-seconds "
    "sidecar-readiness-probe-delay-seconds sidecar-readiness-probe-period-seconds "
    "sidecar-readiness-probe-threshold sidecar-readiness-probe-timeout-seconds"
)
QUANTITIES: Final = (
    "max-body-size read-buffer-size sidecar-cpu-limit sidecar-cpu-request sidecar-memory-limit "
    "sidecar-memory-request"
)
DURATIONS: Final = "block-shutdown-duration"
TEXTS: Final = (
    "actors-disseminate-timeout api-token-secret app-binding-options-timeout app-channel-address "
    "app-health-check-path app-id app-protocol app-token-secret component-container config "
    "disable-init-endpoints env env-from-secret log-level placement-host-address pluggable-components "
    "pluggable-components-sockets-folder scheduler-host-address sentry-request-jwt-audiences sidecar-image "
    "sidecar-listen-addresses sidecar-seccomp-profile-type sidecar-svc-annotations unix-domain-socket-path "
    "volume-mounts volume-mounts-rw"
)
KINDS: Final = {
    "boolean": BOOLEANS,
    "port": PORTS,
    "integer": INTEGERS,
    "quantity": QUANTITIES,
    "duration": DURATIONS,
    "text": TEXTS,
}

ANNOTATIONS: Final[Mapping[str, str]] = {
    PREFIX + name: kind for kind, names in KINDS.items() for name in names.split()
}
"""Each annotation → what it is: `boolean`, `port`, `integer`, `quantity`, `duration` or `text`."""

CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    PREFIX + "app-protocol": ("http", "https", "h2c", "grpc", "grpcs"),
    PREFIX + "log-level": ("debug", "info", "warn", "error", "fatal"),
}
"""What an annotation may be; case does not count."""

FORMER: Final[Mapping[str, str]] = {
    PREFIX + "id": PREFIX + "app-id",
    PREFIX + "port": PREFIX + "app-port",
    PREFIX + "protocol": PREFIX + "app-protocol",
    PREFIX + "profiling": PREFIX + "enable-profiling",
    PREFIX + "http-port": "",
    PREFIX + "sidecar-http-port": "",
}
"""What was written before Dapr 1.0, or is often taken for an annotation → what to write."""

PROBE_DEFAULTS: Final[Mapping[str, int]] = {
    f"{PREFIX}sidecar-{probe}-probe-{name}": value
    for probe in ("liveness", "readiness")
    for name, value in (
        ("delay-seconds", 3),
        ("timeout-seconds", 3),
        ("period-seconds", 6),
        ("threshold", 3),
    )
}
"""What the probes of the sidecar are where no annotation says so."""
