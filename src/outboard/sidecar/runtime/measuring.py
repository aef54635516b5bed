"""What a sidecar measures of itself."""

from __future__ import annotations

from outboard.resources.configuration import Configuration
from outboard.sidecar.metrics.catalogue import LATENCIES
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.runtime.options import Options

__all__ = ["meters_for"]


def meters_for(options: Options, configuration: Configuration) -> Meters | None:
    """None where nobody can ask for them."""
    settings = configuration.metrics
    if options.metrics_port is None or not settings.enabled:
        return None
    return Meters(
        options.app_id,
        options.namespace,
        settings.latency_buckets or LATENCIES,
        with_paths=settings.with_paths,
        with_error_codes=settings.record_error_codes,
    )
