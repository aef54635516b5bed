"""The metrics of one sidecar over HTTP, as Prometheus asks for them.

Source: Prometheus, "Exposition formats"; Dapr, "Configure metrics".
"""

from __future__ import annotations

from typing import Final

import psutil

from outboard.sidecar.api.http.messages import ApiRequest, Reply
from outboard.sidecar.metrics.families import exposition
from outboard.sidecar.metrics.meters import Meters

__all__ = ["MetricsApi", "usage"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class MetricsApi:
    """The handler of the metrics port."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    async def show(self, request: ApiRequest) -> Reply:
        """GET at any path, as daprd: the metrics as they are now."""
        text = exposition(self._meters.families, usage())
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
