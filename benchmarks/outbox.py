"""The outbox, from the commit to the sidecar's answer that the broker has the event; peers in turn.

    python benchmarks/outbox.py [CASE ...] [--events N] [--backlog N] [--rounds 3]
    python benchmarks/outbox.py --postgresql    on a server of its own that waits for the disk; with the peers
    python benchmarks/outbox.py --kafka         daprd with a Kafka of its own, beside pubsub.sqlite
    python benchmarks/outbox.py backlog --backlog 1000000 --rounds 1

Without `--postgresql` it is SQLite in a folder that goes. The servers are those of `python3 dev.py engines`;
others are named: `--database postgresql+psycopg://...` (tables named `bench_*` are dropped there),
`--daprd PATH --broker localhost:9092`. CASE is any of these:

    keys      a backlog, each event with a key of its own, is published: events a second, CPU of the relay
    one-key   the same of a single key: one after another
    idle      an event every 20 ms: the time from the return of `commit` to the answer
    request   how much longer a transaction takes that stages an event, beside one that does not
    backlog   as `keys`, of --backlog events: it tells each tenth, with the memory of the relay by then, and
              by how much that grows from the first tenth to the end

Peers, with the sidecar and the events of `keys`: `naive` reads 100 rows, publishes each after the other and
deletes them; `procrastinate` (PostgreSQL; where it is installed) defers a job for each event, whose worker
publishes it; `faststream-outbox` (the same, with asyncpg) has a row for each event, whose subscriber does.
Neither keeps the order of a key.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import aiohttp
import psutil
from measuring import HERE, MIB, Sidecar, ask, free_port, print_machine, print_table, process, wait_until
from sqlalchemy import Engine, Integer, MetaData, Table, Text, create_engine, delete, insert, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from outboard import Outboard, Outbox
from outboard.clock import SystemClock
from outboard.host.event_loop import new_event_loop
from outboard.kit.client.port import Publication
from outboard.kit.outbox.partitions import lane_of, partition_of

CASES: Final = ("keys", "one-key", "idle", "request", "backlog")
PUBSUB: Final = "kafka-pubsub"
DATA: Final = {"text": "buy milk, bread and a large bag of flour " * 10}
CHUNK: Final = 5_000
IDLE_SECONDS: Final = 0.02
STALLED: Final = 120.0
PREFIX: Final = "bench_"
PEERS: Final = "bench_peers"
"""A schema of PostgreSQL for what peers make."""
WORKERS: Final = 50
"""Of `faststream-outbox`, each of which has a connection of its own."""


class Base(DeclarativeBase):
    pass


class Order(Base):
    """What a request saves."""

    __tablename__ = "bench_order"
    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    text: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True)
class Bench:
    """An outbox, and the sidecar through which it is published."""

    engine: Engine
    outbox: Outbox
    board: Outboard
    topic: str
    dapr_port: int

    @property
    def table(self) -> Table:
        return self.outbox.metadata.tables[f"{PREFIX}outbox"]

    def fill(self, events: int, *, keys: int, tells: bool = False) -> None:
        """As many committed events, with so many keys in turn."""
        topic = self.board.topic(self.topic)
        with Session(self.engine) as session:
            topic.stage(session, DATA, key="k")
            session.commit()
            row = dict(session.execute(select(self.table)).mappings().one())
            session.execute(delete(self.table))
            session.commit()
        del row["sequence"]
        for start in range(0, events, CHUNK):
            numbers = range(start, min(start + CHUNK, events))
            with self.engine.begin() as connection:
                connection.execute(insert(self.table), [_copied(row, number, keys) for number in numbers])
            if tells and numbers.stop * 10 // events > start * 10 // events:
                _say(f"{numbers.stop:,} staged")

    @asynccontextmanager
    async def relaying(self, acknowledged: Callable[[Publication], None]) -> AsyncIterator[None]:
        publisher = self.board.topic(self.topic).publisher

        async def publish(publication: Publication, timeout: float) -> None:
            await publisher.relay(publication, timeout)
            acknowledged(publication)

        async with self.board.connected(), self.outbox.relaying(publish, SystemClock(), 30.0, random.random):
            yield


def _copied(row: Mapping[str, Any], number: int, keys: int) -> dict[str, Any]:
    key, event_id = f"key-{number % keys}", f"{row['event_id'][:-12]}{number:012x}"
    lane = lane_of(row["pubsub"], row["topic"], key, event_id)
    details = json.loads(row["details"])
    details["metadata"]["partitionKey"] = key
    body = row["body"].replace(row["event_id"].encode(), event_id.encode())
    body = body.replace(b'"partitionkey":"k"', f'"partitionkey":"{key}"'.encode())
    own = {"event_id": event_id, "key": key, "lane": lane, "partition": partition_of(lane)}
    return {**row, **own, "details": json.dumps(details), "body": body}


async def drained(bench: Bench, events: int, *, keys: int, tells: bool = False) -> dict[str, float]:
    bench.fill(events, keys=keys, tells=tells)
    gc.collect()
    me, done = psutil.Process(), asyncio.Event()
    count, first, sizes = 0, 0.0, []

    def acknowledged(_: Publication) -> None:
        nonlocal count, first
        count += 1
        first = first or time.perf_counter()
        if count % max(1, events // 10) == 0:
            sizes.append(me.memory_info().rss)
            if tells:
                took = time.perf_counter() - began
                _say(f"{count:,} published after {took:.0f} s, {sizes[-1] / MIB:.1f} MiB")
        if count >= events:
            done.set()

    began, cpu = time.perf_counter(), time.process_time()
    async with bench.relaying(acknowledged):
        seen = -1
        while not done.is_set():
            if count == seen:
                raise SystemExit(f"nothing was published for {STALLED:.0f} s: {count} of {events} are")
            seen = count
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), STALLED)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {
        "events/s": events / took,
        "relay µs CPU": cpu / events * 1e6,
        "MiB more": (sizes[-1] - sizes[0]) / MIB,
    }


def _say(line: str) -> None:
    print(f"  {time.strftime('%H:%M:%S')}  {line}", flush=True)


async def idle(bench: Bench, events: int) -> dict[str, float]:
    committed: dict[str, float] = {}
    times: list[float] = []

    def acknowledged(publication: Publication) -> None:
        now = time.perf_counter()
        times.append(now - committed.get(json.loads(publication.body)["id"], now))

    topic = bench.board.topic(bench.topic)

    def commit(number: int) -> None:
        with Session(bench.engine) as session:
            event = topic.stage(session, DATA, key=f"key-{number}")
            committed[event.id] = time.perf_counter() + 3600
            session.commit()
            committed[event.id] = time.perf_counter()

    async with bench.relaying(acknowledged):
        await asyncio.sleep(0.5)
        for number in range(events):
            await asyncio.to_thread(commit, number)
            await asyncio.sleep(IDLE_SECONDS)
        await asyncio.sleep(1.0)
    known = sorted(each * 1000 for each in times if each > -1.0)
    cut = statistics.quantiles(known, n=100)
    return {"p50 ms": cut[49], "p99 ms": cut[98], "events": float(len(known))}


def request(bench: Bench, events: int) -> dict[str, float]:
    """Turn by turn, so that a slow moment falls on both."""
    topic = bench.board.topic(bench.topic)
    Base.metadata.create_all(bench.engine)
    times: dict[bool, list[float]] = {False: [], True: []}
    for number in range(events * 2):
        stages, began = bool(number % 2), time.perf_counter()
        with Session(bench.engine) as session:
            session.add(Order(text="milk"))
            if stages:
                topic.stage(session, DATA, key=f"key-{number}")
            session.commit()
        times[stages].append((time.perf_counter() - began) * 1000)
    plain, staged = statistics.median(times[False]), statistics.median(times[True])
    return {"plain ms": plain, "staged ms": staged, "more ms": staged - plain}


async def naive(bench: Bench, events: int) -> dict[str, float]:
    bench.fill(events, keys=events)
    row, began, cpu = bench.table.c, time.perf_counter(), time.process_time()
    url = f"http://127.0.0.1:{bench.dapr_port}/v1.0/publish/{PUBSUB}/{bench.topic}"
    headers = {"content-type": "application/cloudevents+json"}
    async with aiohttp.ClientSession() as client:
        while True:
            with bench.engine.begin() as connection:
                found = connection.execute(
                    select(row.sequence, row.body, row.key).order_by(row.sequence).limit(100)
                ).all()
                for each in found:
                    query = {"metadata.partitionKey": each.key}
                    async with client.post(url, params=query, data=each.body, headers=headers) as answer:
                        answer.raise_for_status()
                numbers = [each.sequence for each in found]
                connection.execute(delete(bench.table).where(row.sequence.in_(numbers)))
            if not found:
                break
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"events/s": events / took, "relay µs CPU": cpu / events * 1e6}


async def procrastinate(bench: Bench, events: int) -> dict[str, float] | None:
    """None where it is not installed, or the database is not its."""
    if bench.engine.dialect.name != "postgresql":
        return None
    try:
        import procrastinate as library  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    apart = {"options": f"-csearch_path={PEERS}"}
    address = bench.engine.url.set(drivername="postgresql").update_query_dict(apart)
    conninfo = address.render_as_string(hide_password=False)
    with bench.engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {PEERS}"))
    app = library.App(connector=library.PsycopgConnector(conninfo=conninfo))
    url = f"http://127.0.0.1:{bench.dapr_port}/v1.0/publish/{PUBSUB}/{bench.topic}"
    async with aiohttp.ClientSession() as client:

        @app.task(name="publish")  # type: ignore[untyped-decorator,unused-ignore]
        async def publish(key: str) -> None:
            async with client.post(url, params={"metadata.partitionKey": key}, json=DATA) as answer:
                answer.raise_for_status()

        async with app.open_async():
            if not await app.check_connection_async():
                await app.schema_manager.apply_schema_async()
            jobs = [{"key": f"key-{number}"} for number in range(events)]
            for start in range(0, events, CHUNK):
                await publish.batch_defer_async(*jobs[start : start + CHUNK])
            began, cpu = time.perf_counter(), time.process_time()
            await app.run_worker_async(wait=False, concurrency=100, delete_jobs="successful")
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {"events/s": events / took, "relay µs CPU": cpu / events * 1e6}


async def faststream_outbox(bench: Bench, events: int) -> dict[str, float] | None:
    """None where it is not installed, or the database is not its."""
    if bench.engine.dialect.name != "postgresql":
        return None
    try:
        import faststream_outbox as library  # type: ignore[import-not-found,unused-ignore]
        from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
    except ImportError:
        return None
    url_of_engine, metadata = bench.engine.url.set(drivername="postgresql+asyncpg"), MetaData()
    engine = create_async_engine(url_of_engine, pool_size=WORKERS + 10)
    table = library.make_outbox_table(metadata, table_name=f"{PREFIX}faststream")
    # Without its log, which has a line for each event and each task of its own.
    broker = library.OutboxBroker(engine, outbox_table=table, logger=None)
    done, left = asyncio.Event(), events
    url = f"http://127.0.0.1:{bench.dapr_port}/v1.0/publish/{PUBSUB}/{bench.topic}"
    async with aiohttp.ClientSession() as client:

        @broker.subscriber(  # type: ignore[untyped-decorator,unused-ignore]
            "bench", max_workers=WORKERS, fetch_batch_size=100, terminal_flush_batch_size=100
        )
        async def publish(body: dict[str, Any]) -> None:
            nonlocal left
            query = {"metadata.partitionKey": body["key"]}
            async with client.post(url, params=query, json=DATA) as answer:
                answer.raise_for_status()
            left -= 1
            if not left:
                done.set()

        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
        try:
            async with AsyncSession(engine) as session, session.begin():
                for number in range(events):
                    await broker.publish({"key": f"key-{number}"}, queue="bench", session=session)
            began, cpu = time.perf_counter(), time.process_time()
            await broker.start()
            await done.wait()
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
            await broker.stop()
        finally:
            async with engine.begin() as connection:
                await connection.run_sync(metadata.drop_all)
            await engine.dispose()
    return {"events/s": events / took, "relay µs CPU": cpu / events * 1e6}


Measure: TypeAlias = Callable[[Bench], Awaitable[dict[str, float] | None]]


@contextmanager
def sidecar(chosen: Sidecar) -> Iterator[int]:
    """The HTTP port of one that runs, without an app."""
    names = ("dapr-http-port", "dapr-grpc-port", "metrics-port", "dapr-internal-grpc-port")
    ports = {name: free_port() for name in names}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        command = chosen.command("bench-outbox", ports, None)
        stack.enter_context(process(command, {**os.environ, **chosen.environment}, folder))
        healthz = f"http://127.0.0.1:{ports['dapr-http-port']}/v1.0/healthz/outbound"
        wait_until("the sidecar", lambda: ask(healthz)[0] == 204)
        yield ports["dapr-http-port"]


@contextmanager
def bench_on(url: str, dapr_port: int) -> Iterator[Bench]:
    """Tables that are new, and gone afterwards."""
    engine = create_engine(url)
    Outbox.make_durable(engine)
    outbox = Outbox(engine, metadata=MetaData(), prefix=PREFIX)
    environment = {"DAPR_HTTP_PORT": str(dapr_port), "APP_ID": "bench-outbox"}
    try:
        Base.metadata.drop_all(engine)
        outbox.metadata.drop_all(engine)
        outbox.create_tables(engine)
        board = Outboard(environ=environment, outbox=outbox, pubsub=PUBSUB, timeout=30.0)
        yield Bench(engine, outbox, board, f"bench-{time.time_ns()}", dapr_port)
    finally:
        Base.metadata.drop_all(engine)
        outbox.metadata.drop_all(engine)
        if engine.dialect.name == "postgresql":
            with engine.begin() as connection:
                connection.execute(text(f"DROP SCHEMA IF EXISTS {PEERS} CASCADE"))
        engine.dispose()


def contenders(
    arguments: argparse.Namespace,
) -> dict[str, Callable[[Bench], Awaitable[dict[str, float] | None]]]:
    """What is measured, by name."""
    events, cases = arguments.events, arguments.case

    async def in_thread(bench: Bench) -> dict[str, float]:
        return await asyncio.to_thread(request, bench, max(100, events // 50))

    found: dict[str, Measure] = {}
    if "keys" in cases:
        found["keys"] = lambda bench: drained(bench, events, keys=events)
        found["keys, naive"] = lambda bench: naive(bench, max(100, events // 10))
        found["keys, procrastinate"] = lambda bench: procrastinate(bench, max(100, events // 10))
        found["keys, faststream-outbox"] = lambda bench: faststream_outbox(bench, max(100, events // 10))
    if "one-key" in cases:
        found["one-key"] = lambda bench: drained(bench, max(100, events // 20), keys=1)
    if "idle" in cases:
        found["idle"] = lambda bench: idle(bench, max(100, events // 50))
    if "request" in cases:
        found["request"] = in_thread
    if "backlog" in cases:
        found["backlog"] = lambda bench: drained(
            bench, arguments.backlog, keys=max(1, arguments.backlog // 10), tells=True
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("case", nargs="*", default=list(CASES), help="; ".join(CASES))
    parser.add_argument("--postgresql", action="store_true", help="start a server, and use it")
    parser.add_argument("--database", action="append", help="its URL; SQLite unless given; may be repeated")
    parser.add_argument("--kafka", action="store_true", help="start a broker, and use it with daprd")
    parser.add_argument("--daprd", type=Path, help="its path; with --broker")
    parser.add_argument("--broker", default="localhost:9092", help="address of a Kafka that runs")
    parser.add_argument("--events", type=int, default=20_000, help="of `keys` (others take a share of it)")
    parser.add_argument("--backlog", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if unknown := set(arguments.case) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    if sys.flags.dev_mode or os.environ.get("PYTHONASYNCIODEBUG"):
        parser.error(
            "asyncio's debug mode is on (-X dev, PYTHONASYNCIODEBUG): nothing would be measured but that"
        )
    logging.basicConfig(level=logging.WARNING)  # peers log each event at lower levels
    logging.getLogger().setLevel(logging.WARNING)
    print_machine()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
        urls = arguments.database or []
        if arguments.postgresql:
            from starting import postgresql

            urls.append(stack.enter_context(postgresql()))
        sidecars = {"pubsub.sqlite": Sidecar(HERE / "components" / "sqlite")}
        if arguments.kafka or arguments.daprd is not None:
            sidecars["daprd, Kafka"] = _on_kafka(arguments, stack)
        for name, chosen in sidecars.items():
            for url in urls or [f"sqlite:///{Path(folder) / 'bench.db'}"]:
                _print_round(f"{make_url(url).get_backend_name()}, {name}", url, chosen, arguments)


def _on_kafka(arguments: argparse.Namespace, stack: ExitStack) -> Sidecar:
    daprd, broker = arguments.daprd, arguments.broker
    if arguments.kafka:
        from starting import engine, kafka

        daprd, broker = daprd or engine("daprd"), stack.enter_context(kafka())
    environment = {"KAFKA_BROKERS": broker, "BENCH_TOPIC": "bench-outbox"}
    return Sidecar(HERE / "components" / "kafka", daprd, environment)


def _print_round(title: str, url: str, chosen: Sidecar, arguments: argparse.Namespace) -> None:
    results: dict[str, list[dict[str, float]]] = {}
    for _ in range(arguments.rounds):  # in turn, so that a noisy minute falls on all
        for name, measure in contenders(arguments).items():
            with sidecar(chosen) as port, bench_on(url, port) as bench:
                if (found := _run(measure(bench))) is None:
                    _say(f"{name}: left out, as it is not installed, or not for this database")
                else:
                    results.setdefault(name, []).append(found)
            print(".", end="", flush=True)
    print()
    for name, rounds in results.items():
        medians = {what: statistics.median(each[what] for each in rounds) for what in rounds[0]}
        print_table(title, {name: medians})


def _run(work: Awaitable[dict[str, float] | None]) -> dict[str, float] | None:
    """On the loop that `outboard relay` and uvicorn have: uvloop's where there is one."""

    async def awaited() -> dict[str, float] | None:
        return await work

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(awaited())


if __name__ == "__main__":
    main()
