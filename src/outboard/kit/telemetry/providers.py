"""Which of OpenTelemetry's providers there are, if the app, or FastAPI for it, has set any up."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from opentelemetry import metrics, trace

from outboard.kit.telemetry.conventions import SCHEMA_URL

__all__ = ["meter", "tracer"]

NAME: Final = "outboard"
DEFERRED_METER: Final = ("opentelemetry.metrics._internal", "_ProxyMeterProvider")
"""What stands in until a provider is set: there is no public name for it, and no other way to ask."""


def tracer() -> trace.Tracer | None:
    """The kit's tracer; None where no provider is set, and a span would go nowhere."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
        return None
    return provider.get_tracer(NAME, _version(), SCHEMA_URL)


def meter() -> metrics.Meter | None:
    """The kit's meter; None where no provider is set, and what is measured would go nowhere."""
    provider = metrics.get_meter_provider()
    kind = type(provider)
    if isinstance(provider, metrics.NoOpMeterProvider) or (kind.__module__, kind.__name__) == DEFERRED_METER:
        return None
    return provider.get_meter(NAME, _version(), SCHEMA_URL)


def _version() -> str:
    try:
        return version(NAME)
    except PackageNotFoundError:  # run from a folder, not installed
        return ""
