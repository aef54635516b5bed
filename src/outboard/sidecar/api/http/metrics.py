"""The metrics of one sidecar over HTTP, as Prometheus asks for them.

Source: Prometheus, "Exposition formats"; Dapr, "Configure metrics".
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psutil

from outboard.sidecar.api.http.messages import ApiRequest, Reply
from outboard.sidecar.metrics.families import exposition
from outboard.sidecar.metrics.meters import Meters

__all__ = ["MetricsApi", "usage"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
NETSTAT: Final = Path("/proc/self/net/netstat")
UNLIMITED: Final = float(2**64)
"""Of memory, as daprd has it."""
PROCESS: Final[Mapping[str, tuple[str, str]]] = {
    "process_cpu_seconds_total": ("counter", "Total user and system CPU time spent in seconds."),
    "process_max_fds": ("gauge", "Maximum number of open file descriptors."),
    "process_network_receive_bytes_total": (
        "counter",
        "Number of bytes received by the process over the network.",
    ),
    "process_network_transmit_bytes_total": (
        "counter",
        "Number of bytes sent by the process over the network.",
    ),
    "process_open_fds": ("gauge", "Number of open file descriptors."),
    "process_resident_memory_bytes": ("gauge", "Resident memory size in bytes."),
    "process_start_time_seconds": ("gauge", "Start time of the process since unix epoch in seconds."),
    "process_virtual_memory_bytes": ("gauge", "Virtual memory size in bytes."),
    "process_virtual_memory_max_bytes": ("gauge", "Maximum amount of virtual memory available in bytes."),
}
"""Kind and help by name, as daprd has them."""


class MetricsApi:
    """The handler of the metrics port."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    async def show(self, request: ApiRequest) -> Reply:
        """GET at any path, as daprd: the metrics as they are now."""
        text = exposition(self._meters.families, usage())
        return Reply(200, text.encode(), content_type=CONTENT_TYPE)


def usage() -> dict[str, tuple[str, str, float]]:
    """This process by metric name: kind, help, and value; as much of it as the system tells."""
    process = psutil.Process()
    with process.oneshot():
        spent, memory, started = process.cpu_times(), process.memory_info(), process.create_time()
    found: dict[str, float] = {
        "process_cpu_seconds_total": spent.user + spent.system,
        "process_resident_memory_bytes": memory.rss,
        "process_start_time_seconds": started,
        "process_virtual_memory_bytes": memory.vms,
        **_limited(process),
        **_network(),
    }
    return {name: (kind, help, found[name]) for name, (kind, help) in PROCESS.items() if name in found}


def _limited(process: psutil.Process) -> dict[str, float]:
    """What there may be no more of than the system allows, on Linux."""
    if not psutil.LINUX:
        return {}
    most_files, most_memory = process.rlimit(psutil.RLIMIT_NOFILE)[0], process.rlimit(psutil.RLIMIT_AS)[0]
    return {
        "process_open_fds": process.num_fds(),
        "process_max_fds": most_files,
        "process_virtual_memory_max_bytes": UNLIMITED if most_memory == -1 else most_memory,
    }


def _network() -> dict[str, float]:
    """The bytes of the network that the process is in, on Linux; without what cannot be read."""
    try:
        lines = NETSTAT.read_text(encoding="ascii").splitlines()
    except OSError:
        return {}
    names, values = ([*line.split()] for line in lines if line.startswith("IpExt:"))
    octets = dict(zip(names, values, strict=True))
    return {
        "process_network_receive_bytes_total": float(octets["InOctets"]),
        "process_network_transmit_bytes_total": float(octets["OutOctets"]),
    }
