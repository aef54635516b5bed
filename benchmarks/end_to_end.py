"""Publish → sidecar → handler, in three processes on one machine: the cases of the embedded components.

    python benchmarks/end_to_end.py [CASE ...] [--events 20000] [--rounds 3]
    python benchmarks/end_to_end.py ratios

Without a CASE all of them run, in turn, in each round. `ratios` puts the kit beside what people write by
hand, on the same sidecar: a new httpx client a publish, one shared httpx client, aiohttp, each with a model
route. Without a rate publishers go as fast as they are answered: then what takes the longest has a queue, and
times say how long that is. With one they say how long an event takes.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from measuring import HERE, Load, Sidecar, measure, print_machine, print_table

MEMORY: Final = Sidecar(HERE / "components" / "memory")
PARTITIONS: Final = Sidecar(HERE / "components" / "partitions")
SQLITE: Final = Sidecar(HERE / "components" / "sqlite")

# Case, sidecar, load (its number of events is a share of --events).
CASES: Final[Mapping[str, tuple[Sidecar, Load]]] = {
    "memory bulk": (PARTITIONS, Load("kit", "bulk", 64, 100)),
    "memory bulk, 2 dependencies": (PARTITIONS, Load("kit", "bulk-deps", 64, 50)),
    "memory batch, 2 dependencies": (PARTITIONS, Load("kit", "batch-deps", 64, 100)),
    "memory single": (PARTITIONS, Load("kit", "single", 64, 50)),
    "memory single, 4,000/s": (PARTITIONS, Load("kit", "single", 64, 50, rate=4_000)),
    "memory hot key, bulk": (PARTITIONS, Load("kit", "bulk", 64, 100, keys=1)),
    "memory one publisher, single": (PARTITIONS, Load("kit", "single", 1, 10)),
    "sqlite bulk": (SQLITE, Load("kit", "bulk", 64, 100)),
    "sqlite single": (SQLITE, Load("kit", "single", 64, 50)),
    "sqlite single, 3,000/s": (SQLITE, Load("kit", "single", 64, 50, rate=3_000)),
    "sqlite one publisher, single": (SQLITE, Load("kit", "single", 1, 10)),
}

# What people write by hand, and the kit, all with single delivery on the same component.
CONTENDERS: Final[Mapping[str, Load]] = {
    "plain pattern": Load("plain", "model", 64, 1),
    "shared httpx": Load("httpx", "model", 64, 5),
    "aiohttp": Load("aiohttp", "model", 64, 20),
    "kit, single": Load("kit", "single", 64, 50),
    "kit, bulk": Load("kit", "bulk", 64, 100),
}


def medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}


def run(
    contenders: Mapping[str, tuple[Sidecar, Load]], events: int, rounds: int
) -> dict[str, dict[str, float]]:
    """The medians of each; in turn, so that a noisy minute falls on all."""
    results: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (sidecar, load) in contenders.items():
            results[name].append(measure(sidecar, replace(load, events=events * load.events // 100)))
            print(".", end="", flush=True)
    return {name: medians(collected) for name, collected in results.items()}


def ratios(events: int, rounds: int) -> None:
    results = run({name: (PARTITIONS, load) for name, load in CONTENDERS.items()}, events, rounds)
    print_table(f"in memory, 64 publishers, median of {rounds}", results)
    for name in ("kit, single", "kit, bulk"):
        for other in ("plain pattern", "shared httpx", "aiohttp"):
            ratio = results[name]["events/s"] / results[other]["events/s"]
            print(f"{name} / {other}: {ratio:.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", nargs="*", help=f"ratios, or of: {', '.join(CASES)}")
    parser.add_argument("--events", type=int, default=50_000, help="events a round (slow cases send fewer)")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if unknown := set(arguments.case) - {*CASES, "ratios"}:
        parser.error(f"no case {', '.join(sorted(unknown))}")
    print_machine()
    cases = {name: CASES[name] for name in arguments.case or CASES if name in CASES}
    if cases:
        print_table(f"the kit, median of {arguments.rounds}", run(cases, arguments.events, arguments.rounds))
    if "ratios" in arguments.case:
        ratios(arguments.events, arguments.rounds)


if __name__ == "__main__":
    main()
