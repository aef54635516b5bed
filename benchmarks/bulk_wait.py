"""How long a bulk subscription should wait for a batch: on daprd and on our sidecar, in turn.

    outboard engines up
    python benchmarks/bulk_wait.py --daprd PATH [--waits 1 5 10 20 50] [--events 10000] [--rounds 2]
    python benchmarks/bulk_wait.py --broker memory --daprd PATH --publishers 4 --events 200

For each wait (`maxAwaitDurationMs`) two loads, kit on both sides, batches of 100 at most:

    events/s       64 publishers, unless --publishers says otherwise, as fast as they can
    alone p50/p99  one publisher, 20 events a second: each is the last of its batch, and waits for the others

A wait of 0 leaves it to the sidecar. The contenders run in turn, so that a noisy minute falls on all.
"""

from __future__ import annotations

import argparse
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from end_to_end import medians
from measuring import HERE, Load, Sidecar, cpu_of, print_machine, print_table, system


def measure(sidecar: Sidecar, publishers: int, events: int, alone: int) -> dict[str, float]:
    """One round of both loads on one start."""
    many = Load("kit", "bulk", publishers, events)
    with system(sidecar, many.handler) as running:
        before = cpu_of(running.sidecar)
        published = running.publish(many)
        handled = running.report(events + published["warm"])
        cost = cpu_of(running.sidecar) - before
        quiet = running.publish(Load("kit", "bulk", 1, alone, rate=20))
        times = running.report(alone + quiet["warm"])
    return {
        "events/s": events / ((handled["ended"] - published["started"]) / 1e6),
        "cpu sidecar": cost / events * 1e6,
        "p50": handled["p50"],
        "p99": handled["p99"],
        "alone p50": times["p50"],
        "alone p99": times["p99"],
    }


def contenders(arguments: argparse.Namespace) -> Iterator[tuple[str, Sidecar]]:
    for wait in arguments.waits:
        environment = {
            "KAFKA_BROKERS": arguments.kafka,
            "REDIS_HOST": arguments.redis,
            "BULK_WAIT_MS": str(wait),
            "BENCH_TOPIC": f"bench-{uuid.uuid4().hex[:12]}",
        }
        components = HERE / "components" / arguments.broker
        yield f"{wait} ms on outboard", Sidecar(components, None, environment)
        if arguments.daprd is not None:
            own = {**environment, "BENCH_TOPIC": f"bench-{uuid.uuid4().hex[:12]}"}
            yield f"{wait} ms on daprd", Sidecar(components, arguments.daprd, own)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--broker", choices=("kafka", "redis", "memory"), default="kafka")
    parser.add_argument("--redis", default="localhost:6379", help="its address")
    parser.add_argument("--kafka", default="localhost:9092", help="its address")
    parser.add_argument("--daprd", type=Path, default=os.environ.get("DAPRD_PATH"), help="path of daprd")
    parser.add_argument("--waits", type=int, nargs="+", default=[1, 5, 10, 20, 50], help="in ms")
    parser.add_argument("--publishers", type=int, default=64)
    parser.add_argument("--events", type=int, default=10_000, help="events a round")
    parser.add_argument("--alone", type=int, default=60, help="events a round that come alone")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    results: dict[str, list[dict[str, float]]] = {}
    print_machine()
    for _ in range(arguments.rounds):
        for name, sidecar in contenders(arguments):
            measured = measure(sidecar, arguments.publishers, arguments.events, arguments.alone)
            results.setdefault(name, []).append(measured)
            print(".", end="", flush=True)
    print_table(
        f"{arguments.broker}, bulk subscription, median of {arguments.rounds}",
        {name: medians(rounds) for name, rounds in results.items()},
    )


if __name__ == "__main__":
    main()
