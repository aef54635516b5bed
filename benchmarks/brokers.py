"""Publish → sidecar → Kafka or Redis → sidecar → handler: on daprd and on our sidecar, in turn.

    outboard engines up
    python benchmarks/brokers.py [kafka] [redis] --daprd PATH [--publishers 64] [--events 20000] [--rounds 3]

    plain   a new httpx client for each publish, a route with a model of the CloudEvent
    sdk     Dapr's own Python SDK: its async client, its FastAPI extension
    bulk    bulk publish of 100 by each publisher and bulk subscribe, by hand
    turn    the same with one request at a time, as large as there are publishers: as many events are under
            way as with the kit
    kit     Outboard's kit, bulk subscription

All bulk subscriptions wait for the same time (5 ms). The ratios of the kit stand at the end.
"""

from __future__ import annotations

import argparse
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from end_to_end import medians
from measuring import HERE, Load, Sidecar, measure, print_machine, print_table

BROKERS: Final = ("kafka", "redis")
# The number of events of each is a share of --events, in percent.
CONTENDERS: Final[Mapping[str, Load]] = {
    "plain": Load("plain", "model", 64, 1),
    "sdk": Load("sdk", "sdk", 64, 20),
    "bulk": Load("bulk", "bulk-model", 64, 100),
    "turn": Load("bulk-in-turn", "bulk-model", 64, 50),
    "kit": Load("kit", "bulk", 64, 100),
}


def sidecars(
    broker: str, daprd: Path | None, environment: Mapping[str, str]
) -> Iterator[tuple[str, Sidecar]]:
    ours = Sidecar(HERE / "components" / broker, None, environment)
    yield "outboard", ours
    if daprd is not None:
        yield "daprd", replace(ours, daprd=daprd)


def compare(broker: str, arguments: argparse.Namespace) -> None:
    environment = {"KAFKA_BROKERS": arguments.kafka, "REDIS_HOST": arguments.redis}
    results: dict[str, list[dict[str, float]]] = {}
    for _ in range(arguments.rounds):  # in turn, so that a noisy minute falls on all
        for way, load in CONTENDERS.items():
            for engine, sidecar in sidecars(broker, arguments.daprd, environment):
                if way == "sdk" and engine == "outboard":
                    continue  # the SDK speaks gRPC
                topic = {"BENCH_TOPIC": f"bench-{uuid.uuid4().hex[:12]}"}
                own = replace(sidecar, environment={**environment, **topic})
                events = max(100, arguments.events * load.events // 100)
                measured = measure(own, replace(load, publishers=arguments.publishers, events=events))
                results.setdefault(f"{way} on {engine}", []).append(measured)
                print(".", end="", flush=True)
    rows = {name: medians(rounds) for name, rounds in results.items()}
    print_table(f"{broker}, {arguments.publishers} publisher(s), median of {arguments.rounds}", rows)
    for name, values in rows.items():
        if name.startswith("kit"):
            for other in rows:
                print(f"{name} / {other}: {values['events/s'] / rows[other]['events/s']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("broker", nargs="*", default=BROKERS, help="kafka, redis; both unless named")
    parser.add_argument("--kafka", default="localhost:9092", help="its address")
    parser.add_argument("--redis", default="localhost:6379", help="its address")
    parser.add_argument("--daprd", type=Path, default=os.environ.get("DAPRD_PATH"), help="path of daprd")
    parser.add_argument("--publishers", type=int, default=64)
    parser.add_argument("--events", type=int, default=20_000, help="events a round (slow ones send fewer)")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if unknown := set(arguments.broker) - set(BROKERS):
        parser.error(f"no broker {', '.join(sorted(unknown))}")
    print_machine()
    for broker in arguments.broker:
        compare(broker, arguments)


if __name__ == "__main__":
    main()
