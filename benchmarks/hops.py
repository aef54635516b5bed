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
    """Print the ratios of events/s and of CPU an event, with the record to without it.

    On a machine that does other things, too, the CPU of a round is what its own work costs and more, never
    less: so the least of all rounds is told beside the median of the ratios.
    """
    sidecar, load = CASES[case]
    load = replace(load, events=events * load.events // 100)
    results: dict[bool, list[dict[str, float]]] = {False: [], True: []}
    kept = list[int]()
    for number in range(rounds):
        for recorded in (False, True) if number % 2 == 0 else (True, False):
            with tempfile.TemporaryDirectory() as folder:
                variables = {"OUTBOARD_HOPS": folder, "OUTBOARD_HOPS_DATA": "true"} if recorded else {}
                beside = replace(sidecar, environment={**sidecar.environment, **variables})
                results[recorded].append(measure(beside, load))
                kept += [len(read_record(Path(folder)).hops)] if recorded else []
        without, found = results[False][-1], results[True][-1]
        print(f"{case}: {without['events/s']:,.0f} events/s without, {found['events/s']:,.0f} with; "
              f"{cpu(without):.1f} µs of CPU an event without, {cpu(found):.1f} with; "
              f"{kept[-1]:,} hops kept of {load.events:,} events", flush=True)  # fmt: skip
    rates = [
        found["events/s"] / without["events/s"] for without, found in zip(*results.values(), strict=True)
    ]
    print(f"{case}: median ratio of events/s {statistics.median(rates):.3f}")
    for name, of in (("publisher", 0), ("sidecar", 1), ("handler", 2), ("all", 3)):
        before, after = ([_parts(each)[of] for each in results[recorded]] for recorded in (False, True))
        ratio = statistics.median(a / b for a, b in zip(after, before, strict=True))
        least = f"least {min(before):.1f} µs without, {min(after):.1f} with ({min(after) / min(before):.3f})"
        print(f"{case}: CPU an event of {name}: median ratio {ratio:.3f}; {least}")


def _parts(result: dict[str, float]) -> tuple[float, ...]:
    return (*(result[f"cpu {name}"] for name in ("publisher", "sidecar", "handler")), cpu(result))


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
