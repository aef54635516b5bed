"""What the record of hops costs: cases of end_to_end.py with and without it, in turn.

    python benchmarks/hops.py [CASE ...] [--events 50000] [--rounds 5]
    python benchmarks/hops.py kit

With it, kit and sidecar of both apps record into one folder, with the data of the events, as `outboard run`
has it. `kit` measures what the kit does for an event, in this process: with nobody who records, and with.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from end_to_end import CASES
from measuring import measure, print_machine
from pydantic import BaseModel

from outboard import Outboard
from outboard.hops.files.reader import read_record
from outboard.wire.http import Request, Response

DEFAULT: Final = ("memory bulk", "memory single", "sqlite bulk", "memory single, 4,000/s")
EVENTS_OF_KIT: Final = 20_000


class Order(BaseModel):
    number: int
    note: str


def compare(case: str, events: int, rounds: int) -> None:
    """Print the ratios of events/s and of CPU an event, with the record to without it, of each round."""
    sidecar, load = CASES[case]
    load = replace(load, events=events * load.events // 100)
    rates, costs, kept = list[float](), list[float](), 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            variables = {"OUTBOARD_HOPS": folder, "OUTBOARD_HOPS_DATA": "true"}
            recording = replace(sidecar, environment={**sidecar.environment, **variables})
            without, recorded = measure(sidecar, load), measure(recording, load)
            kept = len(read_record(Path(folder)).hops)
        rates.append(recorded["events/s"] / without["events/s"])
        costs.append(cpu(recorded) / cpu(without))
        print(f"{case}: {without['events/s']:,.0f} events/s without, {recorded['events/s']:,.0f} with; "
              f"{cpu(without):.1f} µs of CPU an event without, {cpu(recorded):.1f} with; "
              f"{kept:,} hops kept of {load.events:,} events", flush=True)  # fmt: skip
    print(f"{case}: median ratio of events/s {statistics.median(rates):.3f}, "
          f"of CPU an event {statistics.median(costs):.3f}")  # fmt: skip


def cpu(result: dict[str, float]) -> float:
    """Of publisher, sidecar and handler together, in µs an event: steadier than a rate on a busy machine."""
    return result["cpu publisher"] + result["cpu sidecar"] + result["cpu handler"]


async def kit() -> None:
    """What `publish` costs in the kit, in microseconds an event, with a sidecar that answers at once."""

    async def exchange(request: Request, timeout: float | None) -> Response:
        return Response(204, {}, b"")

    with tempfile.TemporaryDirectory() as folder:
        recorded = {"OUTBOARD_HOPS": folder, "OUTBOARD_HOPS_DATA": "true"}
        boards = {name: Outboard(environ=environ) for name, environ in (("without", {}), ("with", recorded))}
        for _ in range(3):
            for name, board in boards.items():
                topic = board.topic("orders", Order)
                async with board.connected(exchange=exchange):
                    started = time.process_time()
                    for number in range(EVENTS_OF_KIT):
                        await topic.publish(Order(number=number, note="as usual"))
                    took = time.process_time() - started
                print(f"kit, {name}: {took / EVENTS_OF_KIT * 1e6:.2f} µs of CPU an event")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", nargs="*", help=f"kit, or of: {', '.join(CASES)}")
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    if unknown := set(arguments.case) - {*CASES, "kit"}:
        parser.error(f"no case {', '.join(sorted(unknown))}")
    print_machine()
    for case in arguments.case or DEFAULT:
        if case == "kit":
            asyncio.run(kit())
        else:
            compare(case, arguments.events, arguments.rounds)


if __name__ == "__main__":
    main()
