"""The settings of metrics in a Configuration, read."""

from __future__ import annotations

from typing import Final

from outboard.resources.configuration import MetricsSettings
from outboard.resources.configuration_fields import field_at, flag_at
from outboard.resources.node import Node

__all__ = ["HTTP_READ", "METRICS", "METRICS_READ", "read_metrics"]

METRICS: Final = ("metric", "metrics")
"""The two keys of the settings of metrics; what both say the second decides."""
METRICS_READ: Final = ("enabled", "recordErrorCodes", "http", "latencyDistributionBuckets")
HTTP_READ: Final = "increasedCardinality"


def read_metrics(node: Node, before: MetricsSettings) -> MetricsSettings:
    """What `node` says, and what it does not say as it was `before`. Raises ResourceError."""
    http, buckets = field_at(node, "http"), field_at(node, "latencyDistributionBuckets")
    return MetricsSettings(
        flag_at(node, "enabled", before.enabled),
        flag_at(node, "recordErrorCodes", before.record_error_codes),
        before.with_paths if http is None else flag_at(http, HTTP_READ, before.with_paths),
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
