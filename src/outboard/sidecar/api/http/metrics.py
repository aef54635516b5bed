"""Metrics of one sidecar in Prometheus' text format: of daprd's, those of the process and of error codes.

Source: Prometheus, "Exposition formats"; Dapr, "Configure metrics" and "Error codes reference".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import psutil

from outboard.sidecar.api.http.messages import ApiRequest, Reply

__all__ = ["ErrorCodes", "Metrics", "category_of", "exposition"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
CATEGORIES: Final = {
    "ERR_ACTOR": "actor",
    "ERR_CONFIGURATION": "configuration",
    "ERR_CONVERSATION": "conversation",
    "ERR_CRYPTO": "crypto",
    "ERR_DIRECT_INVOKE": "service-invocation",
    "ERR_HEALTH": "health",
    "ERR_INVOKE_OUTPUT_BINDING": "binding",
    "ERR_LOCK": "lock",
    "ERR_NOT_SUPPORTED_STATE": "state",
    "ERR_OUTBOUND_HEALTH": "health",
    "ERR_PERMISSION_DENIED": "secret",
    "ERR_PUBLISH": "pubsub",
    "ERR_PUBSUB": "pubsub",
    "ERR_SECRET": "secret",
    "ERR_STATE": "state",
    "ERR_TOPIC": "pubsub",
}
"""The building block of an error code, by how the code begins."""
COMMON: Final = "common"
ESCAPED: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def category_of(code: str) -> str:
    """The building block that daprd counts an error code under."""
    return next((category for start, category in CATEGORIES.items() if code.startswith(start)), COMMON)


class ErrorCodes:
    """How often the API answered with each error, by code and building block."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()

    def count(self, code: str, category: str) -> None:
        """Count one answer. `category` empty is that of the code."""
        self.counts[code, category or category_of(code)] += 1


class Metrics:
    """The handler of the metrics port. `errors` None: error codes are not asked for."""

    def __init__(self, app_id: str, errors: ErrorCodes | None) -> None:
        self._app_id = app_id
        self._errors = errors

    async def show(self, request: ApiRequest) -> Reply:
        """GET at any path, as daprd: the metrics as they are now."""
        errors = {} if self._errors is None else self._errors.counts
        text = exposition(self._app_id, errors, usage())
        return Reply(200, text.encode(), content_type=CONTENT_TYPE)


def usage() -> dict[str, tuple[str, str, float]]:
    """This process by metric name: kind, help, and value."""
    process = psutil.Process()
    with process.oneshot():
        spent, memory, started = process.cpu_times(), process.memory_info(), process.create_time()
    seconds = spent.user + spent.system
    return {
        "process_cpu_seconds_total": ("counter", "Processor time spent, in seconds.", seconds),
        "process_resident_memory_bytes": ("gauge", "Resident memory size in bytes.", memory.rss),
        "process_start_time_seconds": ("gauge", "Start time in seconds since the Unix epoch.", started),
        "process_virtual_memory_bytes": ("gauge", "Virtual memory size in bytes.", memory.vms),
    }


def exposition(
    app_id: str, errors: Mapping[tuple[str, str], int], process: Mapping[str, tuple[str, str, float]]
) -> str:
    """The metrics as Prometheus reads them; a metric without a value yet is left out. Pure."""
    lines = []
    if errors:
        lines += _head("dapr_error_code_total", "counter", "Number of answers with each error code.")
    for (code, category), count in sorted(errors.items()):
        labels = {"app_id": app_id, "category": category, "error_code": code}
        inside = ",".join(f'{name}="{value.translate(ESCAPED)}"' for name, value in labels.items())
        lines.append(f"dapr_error_code_total{{{inside}}} {count}")
    for name, (kind, help, value) in process.items():
        lines += [*_head(name, kind, help), f"{name} {value}"]
    return "\n".join([*lines, ""])


def _head(name: str, kind: str, help: str) -> list[str]:
    return [f"# HELP {name} {help}", f"# TYPE {name} {kind}"]
