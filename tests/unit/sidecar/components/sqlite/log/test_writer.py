"""Group commit: what is written together, and who is told what."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from outboard.host.processes import ProcessIdentity
from outboard.sidecar.components.port import ComponentError, Message
from outboard.sidecar.components.sqlite.log import events, positions
from outboard.sidecar.components.sqlite.log.coordinator import Subscriber, join
from outboard.sidecar.components.sqlite.log.events import LogTopic, Row
from outboard.sidecar.components.sqlite.log.file import connect, immediately, prepare
from outboard.sidecar.components.sqlite.log.position import Position
from outboard.sidecar.components.sqlite.log.positions import Claim
from outboard.sidecar.components.sqlite.log.writer import LogWriter
from outboard.sidecar.components.sqlite.presence import presence

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    prepare(tmp_path / "events.db")
    return tmp_path / "events.db"


class Seen:
    """What a writer tells besides the outcomes."""

    def __init__(self) -> None:
        self.published: list[list[int]] = []
        self.refused: list[Claim] = []

    def publish(self, ports: Sequence[int]) -> None:
        self.published.append(list(ports))


@asynccontextmanager
async def writing(
    path: Path, seen: Seen | None = None, connected: Callable[[], sqlite3.Connection] | None = None
) -> AsyncIterator[LogWriter]:
    told = seen or Seen()
    writer = LogWriter(
        connected or (lambda: connect(path, 0.1)), presence(path), 0.1, told.publish, told.refused.extend
    )
    try:
        await writer.open()
        yield writer
    finally:
        await writer.close()


MEMBER = Subscriber("g", LogTopic(1, 1), ProcessIdentity("h", 1, 0.0), 4711)


def row(number: int, size: int = 0) -> Row:
    return events.row_of(LogTopic(1, 1), 0, Message(str(number).encode() + b"x" * size), 0)


def stored(path: Path) -> list[bytes]:
    with closing(sqlite3.connect(path)) as connection:
        return [data for (data,) in connection.execute("SELECT data FROM events ORDER BY offset")]


async def test_what_comes_while_one_is_written_is_written_together(path: Path) -> None:
    seen, gate = Seen(), threading.Event()
    async with writing(path, seen) as writer:
        await writer.do(lambda connection: join(connection, MEMBER, "oldest"))
        busy = asyncio.create_task(writer.do(lambda connection: gate.wait(60)))
        waiting = [asyncio.create_task(writer.append([row(number)])) for number in range(50)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(busy, *waiting)

    assert seen.published == [[MEMBER.port]]
    assert stored(path) == [str(number).encode() for number in range(50)]


async def test_a_transaction_with_events_is_flushed_to_the_disk_and_one_without_is_not(path: Path) -> None:
    def synchronous(connection: sqlite3.Connection) -> int:
        (level,) = connection.execute("PRAGMA synchronous").fetchone()
        return int(level)

    gate = threading.Event()
    async with writing(path) as writer:
        for _ in range(2):
            busy = asyncio.create_task(writer.do(lambda connection: gate.wait(60)))
            event, with_it = asyncio.create_task(writer.append([row(1)])), writer.do(synchronous)
            together = asyncio.create_task(with_it)
            await asyncio.sleep(0)
            gate.set()
            await asyncio.gather(busy, event)
            assert await together == 2, "FULL"
            assert await writer.do(synchronous) == 1, "NORMAL"
            gate.clear()


async def test_what_was_acknowledged_can_be_read_by_another_process_at_once(path: Path) -> None:
    async with writing(path) as writer:
        await writer.append([row(1)])

        assert stored(path) == [b"1"]


async def test_on_a_full_disk_the_publisher_is_told_and_everything_else_stays(path: Path) -> None:
    def small() -> sqlite3.Connection:
        connection = connect(path, 0.1)
        connection.execute("PRAGMA max_page_count = 40")
        return connection

    async with writing(path, connected=small) as writer:
        await writer.append([row(1)])
        outcomes = await asyncio.gather(
            writer.append([row(2, size=400_000)]), writer.append([row(3)]), return_exceptions=True
        )
        await writer.append([row(4)])

    assert str(outcomes[0]) == "cannot write: database or disk is full"
    assert isinstance(outcomes[0], ComponentError)
    assert outcomes[1] == 2  # its offset
    assert stored(path) == [b"1", b"3", b"4"]


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let go of a file that is open")
@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
async def test_nothing_is_acknowledged_that_goes_to_a_file_beside_it_which_is_gone(
    path: Path, suffix: str
) -> None:
    async with writing(path) as writer:
        await writer.append([row(1)])
        gone = path.with_name(path.name + suffix)
        gone.unlink()
        outcomes = await asyncio.gather(
            *(writer.append([row(number)]) for number in range(50)), return_exceptions=True
        )

    for outcome in outcomes:
        assert str(outcome).startswith(f"{gone} was removed or replaced while it was in use")


@pytest.mark.skipif(os.name == "nt", reason="Windows does not let go of a file that is open")
@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
async def test_nothing_is_acknowledged_that_goes_to_a_file_which_is_gone(path: Path, replaced: bool) -> None:
    async with writing(path) as writer:
        await writer.append([row(1)])
        for each in path.parent.iterdir():
            each.unlink()
        if replaced:
            prepare(path)
        outcomes = await asyncio.gather(
            *(writer.append([row(number)]) for number in range(2)), return_exceptions=True
        )

    for outcome in outcomes:
        assert isinstance(outcome, ComponentError)
        assert str(outcome).startswith(f"{path} was removed or replaced while it was in use")
        assert "Restart the sidecar" in str(outcome)


async def test_of_what_fails_nothing_is_written(path: Path) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO topics (name, partitions) VALUES ('t', 1)")
        connection.execute("nonsense")

    async with writing(path) as writer:
        with pytest.raises(ComponentError, match=r'^cannot write: near "nonsense": syntax error$'):
            await writer.do(fail)

        assert await writer.do(lambda c: c.execute("SELECT count(*) FROM topics").fetchone()) == (0,)


async def test_text_that_cannot_be_stored_is_an_error_of_its_publisher_alone(path: Path) -> None:
    odd = events.row_of(LogTopic(1, 1), 0, Message(b"odd", content_type="\ud800"), 0)
    async with writing(path) as writer:
        outcomes = await asyncio.gather(writer.append([odd]), writer.append([row(1)]), return_exceptions=True)

    assert "surrogates not allowed" in str(outcomes[0])
    assert stored(path) == [b"1"]


async def test_a_lock_that_does_not_end_is_an_error(path: Path) -> None:
    async with writing(path) as writer:
        with closing(connect(path, 0)) as other, immediately(other, 0):
            outcomes = await asyncio.gather(
                *(writer.append([row(number)]) for number in range(3)), return_exceptions=True
            )
        await writer.append([row(9)])

    assert [str(outcome) for outcome in outcomes] == ["cannot write: database is locked"] * 3
    assert stored(path) == [b"9"]


async def test_who_gave_up_waiting_harms_nobody(path: Path) -> None:
    gate = threading.Event()
    async with writing(path) as writer:
        busy = asyncio.create_task(writer.do(lambda connection: gate.wait(60)))
        gone, here = (asyncio.create_task(writer.append([row(number)])) for number in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        gate.set()
        await asyncio.gather(busy, here)

    assert b"1" in stored(path)


async def test_offsets_go_along_and_only_those_of_the_owner(path: Path) -> None:
    seen = Seen()
    mine, lost = Claim("g", 1, 0, 7), Claim("g", 1, 1, 7)
    async with writing(path, seen) as writer:
        await writer.do(lambda c: positions.begin(c, "g", LogTopic(1, 2), "oldest"))
        await writer.do(lambda c: positions.claim(c, "g", LogTopic(1, 2), 7, [0]))
        writer.commit({mine: Position(5), lost: Position(5)})
        await writer.append([row(1)])
        writer.commit({mine: Position(3)})  # never back
        writer.flush()
        found = await writer.do(lambda c: c.execute("SELECT committed FROM positions").fetchall())

    assert found == [(5,), (0,)]
    assert seen.refused == [lost]


async def test_offsets_that_could_not_be_committed_wait_for_the_next(path: Path) -> None:
    claim = Claim("g", 1, 0, 7)
    async with writing(path) as writer:
        await writer.do(lambda c: positions.begin(c, "g", LogTopic(1, 1), "oldest"))
        await writer.do(lambda c: positions.claim(c, "g", LogTopic(1, 1), 7, [0]))
        writer.commit({claim: Position(5)})
        with closing(connect(path, 0)) as other, immediately(other, 0), pytest.raises(ComponentError):
            await writer.do(lambda connection: None)
        found = await writer.do(lambda c: c.execute("SELECT committed FROM positions").fetchall())

    assert found == [(5,)]


async def test_closing_writes_what_was_asked_for_and_then_nothing_more(path: Path) -> None:
    async with writing(path) as writer:
        waiting = [asyncio.create_task(writer.append([row(number)])) for number in range(20)]
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)

    with pytest.raises(ComponentError, match="the log is closed"):
        await writer.append([row(99)])
    writer.flush()
    assert len(stored(path)) == 20
    assert [each.name for each in path.parent.iterdir()] == [path.name]


async def test_a_file_that_cannot_be_opened_is_an_error(path: Path) -> None:
    def refuse() -> sqlite3.Connection:
        raise ComponentError("no")

    with pytest.raises(ComponentError, match=r"^no$"):
        async with writing(path, connected=refuse):
            pass


@pytest.mark.skipif(os.name != "posix", reason="elsewhere permissions are those of the folder")
async def test_its_files_are_for_their_owner_alone(path: Path) -> None:
    async with writing(path) as writer:
        await writer.append([row(1)])
        assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir()} == {0o600}
