"""What the record of hops costs: cases of end_to_end.py with and without it, in turn.

    python benchmarks/hops.py [CASE ...] [--seconds 400] [--slice 4]
    python benchmarks/hops.py kit

With it, kit and sidecar of both apps record into one folder, with the data of the events, as `outboard run`
has it; it is switched on and off while they go on. `kit` measures what the kit does for an event, in this
process: with nobody who records, and with.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

from end_to_end import CASES
from measuring import SERVICES, print_machine, system
from pydantic import BaseModel

from outboard import Outboard
from outboard.hops.files.reader import read_record
from outboard.wire.http import Request, Response

DEFAULT: Final = ("memory bulk", "memory single", "sqlite bulk", "memory single, 4,000/s")
EVENTS_OF_KIT: Final = 20_000
ENDLESS: Final = 10**9
PARTS: Final = ("publisher", "sidecar", "handler")
SWITCHED: Final = SERVICES / "switched"


class Order(BaseModel):
    number: int
    note: str


def compare(case: str, seconds: float, slice_seconds: float) -> None:
    """Print the ratios of events/s and of CPU an event, with the record to without it, and how sure they are.

    Of processes that are started anew each time the figures differ by a sixth. So these go on, and the record
    is switched on and off in them: of two slices, one behind the other, one has it.
    """
    sidecar, load = CASES[case]
    load = replace(load, events=ENDLESS)
    with tempfile.TemporaryDirectory() as folder:
        slices, hops = Path(folder, "slices"), Path(folder, "hops")
        slices.mkdir()
        variables = {
            "OUTBOARD_HOPS": str(hops), "OUTBOARD_HOPS_DATA": "true", "SWITCHED": str(slice_seconds),
            "SWITCHED_FOLDER": str(slices),
        }  # fmt: skip
        beside = replace(sidecar, environment={**sidecar.environment, **variables}, modules=(SWITCHED,))
        with system(beside, load.handler) as running, running.publishing(load):
            time.sleep(seconds)
        kept = len(read_record(hops).hops)
        told = {part: _slices(slices / part) for part in PARTS}
    pairs = list(_pairs(told))
    print(f"{case}: {len(pairs)} pairs of {slice_seconds:g} s; {kept:,} hops kept", flush=True)
    for name in Figures._fields:
        without, found = ([float(getattr(pair[on], name)) for pair in pairs] for on in (0, 1))
        ratio = [math.log(after / before) for before, after in zip(without, found, strict=True)]
        error = statistics.stdev(ratio) / math.sqrt(len(ratio))
        what = f"events in {slice_seconds:g} s" if name == "events" else f"µs of CPU an event, {name}"
        print(
            f"{case}: {what}: "
            f"{statistics.median(without):,.1f} without, {statistics.median(found):,.1f} with; "
            f"ratio {math.exp(statistics.mean(ratio)):.3f} ± {error:.3f}"
        )


class Slice(NamedTuple):
    """Of one process: whether it recorded (1 or 0), its CPU seconds, the events that it handled."""

    recorded: int
    cpu: float
    handled: int


class Figures(NamedTuple):
    """Of one slice: the events that were handled, and µs of CPU an event of each part and of all."""

    events: int
    publisher: float
    sidecar: float
    handler: float
    all: float


def _slices(file: Path) -> dict[int, Slice]:
    """By their numbers."""
    lines = (line.split() for line in file.read_text("utf-8").splitlines())
    return {int(number): Slice(int(on), float(cpu), int(events)) for number, on, cpu, events in lines}


def _pairs(told: Mapping[str, Mapping[int, Slice]]) -> Iterator[tuple[Figures, Figures]]:
    """Of each pair the slice without the record and the one with it."""
    whole = set.intersection(*(set(slices) for slices in told.values()))
    for number in sorted(whole):
        if number % 2 == 0 and number + 1 in whole and number - 1 in whole:  # not the first: it warms up
            first, second = (_figures(told, each) for each in (number, number + 1))
            yield (second, first) if told["handler"][number].recorded else (first, second)


def _figures(told: Mapping[str, Mapping[int, Slice]], number: int) -> Figures:
    events = told["handler"][number].handled
    publisher, sidecar, handler = (told[part][number].cpu / max(events, 1) * 1e6 for part in PARTS)
    return Figures(events, publisher, sidecar, handler, publisher + sidecar + handler)


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
    parser.add_argument("--seconds", type=float, default=400, help="of each case")
    parser.add_argument("--slice", type=float, default=4, help="seconds with the record, or without it")
    arguments = parser.parse_args()
    if unknown := set(arguments.case) - {*CASES, "kit"}:
        parser.error(f"no case {', '.join(sorted(unknown))}")
    print_machine()
    for case in arguments.case or DEFAULT:
        if case == "kit":
            asyncio.run(kit())
        else:
            compare(case, arguments.seconds, arguments.slice)


if __name__ == "__main__":
    main()
