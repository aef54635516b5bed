"""An outbox on SQLite, a broker that does what it is told, and a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, create_engine, func, select
from sqlalchemy.orm import Session

from outboard.errors import SidecarError
from outboard.kit.client.port import Publication
from outboard.kit.outbox.relay import Relay
from outboard.kit.outbox.schedule import AT_ONCE, Schedule
from outboard.kit.outbox.sender import SendContext
from outboard.kit.outbox.sql.durability import make_durable
from outboard.kit.outbox.sql.engine import LazyEngine
from outboard.kit.outbox.sql.staging import SqlStaging
from outboard.kit.outbox.sql.store import SqlOutboxStore
from outboard.kit.outbox.sql.tables import Tables
from outboard.kit.outbox.wakeups import Wakeups
from outboard.wire.dapr import PARTITION_KEY

__all__ = ["Broker", "HandClock", "OutboxBench", "running", "sqlite_engine", "until"]

TURNS = 1_000_000


class HandClock:
    """Time stands still until `advance`."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()

    def advance(self, seconds: float) -> None:
        self.seconds += seconds

    def database(self, _: Connection) -> int:
        """As the clock of a database."""
        return int(self.seconds * 1000)


class Broker:
    """Takes every event, unless `answers` says otherwise; `gate` holds publishers up."""

    def __init__(self) -> None:
        self.published: list[tuple[str, object]] = []
        """(key, data) in the order in which they came."""
        self.ids: list[str] = []
        self.asked = 0
        """How often it was asked to publish."""
        self.answers: Callable[[Publication], SidecarError | None] = lambda _: None
        self.gate = asyncio.Event()
        self.gate.set()
        self.most_at_once: dict[str, int] = defaultdict(int)
        self._now: dict[str, int] = defaultdict(int)

    async def publish(self, publication: Publication, timeout: float) -> None:
        key = publication.metadata.get(PARTITION_KEY, "")
        self._now[key] += 1
        self.asked += 1
        self.most_at_once[key] = max(self.most_at_once[key], self._now[key])
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
            if error := self.answers(publication):
                raise error
            event = json.loads(publication.body)
            self.published.append((key, event["data"]))
            self.ids.append(event["id"])
        finally:
            self._now[key] -= 1

    def of(self, key: str) -> list[object]:
        """The data of what came with this key."""
        return [data for found, data in self.published if found == key]

    def first_of(self, key: str) -> list[object]:
        """As `of`, without what came before."""
        return list(dict.fromkeys(map(str, self.of(key))))


def body_of(data: object, event_id: str) -> bytes:
    return json.dumps(
        {"specversion": "1.0", "id": event_id, "source": "s", "type": "t", "data": data}
    ).encode()


class OutboxBench:
    """One outbox, and as many relays on it as a test wants."""

    def __init__(self, engine: Engine, *, real_time: bool = False) -> None:
        self.engine = engine
        self.clock = HandClock()
        self.broker = Broker()
        self.tables = Tables.in_metadata(MetaData(), "outboard_")
        self.wakeups = Wakeups()
        self.runner = LazyEngine(engine)
        self.store = (
            SqlOutboxStore(self.tables, self.runner)
            if real_time
            else SqlOutboxStore(self.tables, self.runner, self.clock.database)
        )
        self.staging = (
            SqlStaging(self.tables, self.wakeups)
            if real_time
            else SqlStaging(self.tables, self.wakeups, now=self.clock.database)
        )
        self.tables.outbox.metadata.create_all(engine)
        self._count = 0

    def stage(self, session: Session, data: object, key: str = "", *, hold: bool = False, topic: str = "t",
              pubsub: str = "p", schedule: Schedule = AT_ONCE,
              on_duplicate: Callable[[], object] | None = None) -> str:  # fmt: skip
        self._count += 1
        event_id = f"e-{self._count}"
        metadata = {PARTITION_KEY: key} if key else {}
        publication = Publication(pubsub, topic, body_of(data, event_id), metadata)
        self.staging.stage(
            session,
            publication,
            event_id,
            self.clock.now(),
            hold=hold,
            schedule=schedule,
            on_duplicate=on_duplicate,
        )
        return event_id

    def commit(self, *data: object, key: str = "", hold: bool = False) -> None:
        """One transaction for each."""
        for item in data:
            with Session(self.engine) as session:
                self.stage(session, item, key, hold=hold)
                session.commit()

    def relay(self, token: str = "r") -> Relay:
        return Relay(token, self.store, SendContext(self.broker.publish, self.clock, lambda: 0.5, 5.0))

    async def work(self, relay: Relay, steps: int = 6) -> None:
        """Let `relay` take so many turns; what it sends meanwhile comes to an end."""
        for _ in range(steps):
            await relay.step()
            await self.settle_down()

    def count(self) -> int:
        """How many rows there are."""
        with self.engine.connect().execution_options(outboard_begin="BEGIN") as connection:
            query = select(func.count()).select_from(self.tables.outbox)
            return int(connection.execute(query).scalar_one())

    async def settle_down(self) -> None:
        """Let other tasks go on for a while."""
        for _ in range(20):
            await asyncio.sleep(0)


def sqlite_engine(folder: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{folder / 'app.db'}")
    make_durable(engine)
    yield engine
    engine.dispose()


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait((task,))


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks, and threads, go on until it is so."""
    for _ in range(TURNS):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")
