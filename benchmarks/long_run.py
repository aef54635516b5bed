"""What does not grow: resident memory, file descriptors, and the database file under retention.

    python benchmarks/long_run.py [memory|sqlite] [--events 500000]

Publishes in steps, and prints after each what the sidecar and the service hold.
"""

from __future__ import annotations

import argparse
from typing import Final

import psutil
from end_to_end import PARTITIONS
from measuring import HERE, MIB, Load, Sidecar, System, print_machine, system

STEP: Final = 50_000
RETENTION: Final = Sidecar(HERE / "components" / "retention")  # 64 MiB
SIDECARS: Final = {"memory": PARTITIONS, "sqlite": RETENTION}


def descriptors(process: psutil.Process) -> int:
    """Open files and sockets; handles on Windows."""
    count: int = getattr(process, "num_handles" if psutil.WINDOWS else "num_fds")()
    return count


def line(running: System, events: int, rate: float) -> str:
    both = (running.sidecar, running.consumer)
    memory = "".join(f"{process.memory_info().rss / MIB:12.1f}" for process in both)
    files = "".join(f"{descriptors(process):12}" for process in both)
    size = sum(file.stat().st_size for file in running.folder.glob("*.db*")) / MIB
    return f"{events:10,}{rate:12,.0f}{memory}{files}{size:12.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("component", nargs="?", choices=SIDECARS, default="memory")
    parser.add_argument("--events", type=int, default=500_000)
    arguments = parser.parse_args()
    print_machine()
    names = ("events", "events/s", "MiB sidecar", "MiB service", "fds sidecar", "fds service", "MiB file")
    print(f"{names[0]:>10}" + "".join(f"{name:>12}" for name in names[1:]))
    with system(SIDECARS[arguments.component], "bulk") as running:
        for events in range(STEP, arguments.events + 1, STEP):
            published = running.publish(Load("kit", "bulk", 64, STEP))
            handled = running.report(STEP + published["warm"])
            seconds = (handled["ended"] - published["started"]) / 1e6
            print(line(running, events, STEP / seconds), flush=True)


if __name__ == "__main__":
    main()
