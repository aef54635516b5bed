"""The environment variables that daprd reads and that have no effect here.

Source: Dapr, "Environment variable reference"; daprd 1.18. Those with an effect are read where options are
parsed (NAMESPACE, DAPR_API_TOKEN, APP_API_TOKEN) and where components are set up (POD_NAME, DAPR_ENV_KEYS).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["UNSERVED", "unserved_in"]

UNSERVED: Final[Mapping[str, str]] = {
    "DAPR_COMPONENTS_SOCKETS_FOLDER": "pluggable components",
    "DAPR_CONTROLPLANE_NAMESPACE": "a control plane",
    "DAPR_CONTROLPLANE_TRUST_DOMAIN": "a control plane",
    "DAPR_HOST_IP": "calls between sidecars",
    "DAPR_HTTP_DISABLE_H2C": "HTTP/2",
    "DAPR_SCHEDULER_HOST_ADDRESS_DNS_A": "jobs",
    "DAPR_TRUST_ANCHORS": "mTLS",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "the export of traces",
    "OTEL_EXPORTER_OTLP_HEADERS": "the export of traces",
    "OTEL_EXPORTER_OTLP_INSECURE": "the export of traces",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "the export of traces",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "the export of traces",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "the export of traces",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "the export of traces",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "the export of traces",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "the export of traces",
    "OTEL_SERVICE_NAME": "the export of traces",
}
"""By name, the part of daprd that the variable is for and that this sidecar does not serve."""


def unserved_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Those of `UNSERVED` that are set and not empty, each with its part."""
    return {name: part for name, part in UNSERVED.items() if environment.get(name)}
