"""Programs as scopes: what they write arrives, and nothing of them is left."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from outboard.clock import SystemClock
from outboard.host.processes import process_identity
from outboard.run.processes import orphans
from outboard.run.processes.process import Launch, running
from support.projects import lives

pytestmark = pytest.mark.anyio
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="about POSIX signals")

CLOCK = SystemClock()
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(600)
"""
IN_TURNS = """
import sys
for i in range(500):
    stream = sys.stdout if i % 2 else sys.stderr
    stream.write(f"{i}\\n")
    stream.flush()
"""
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session={detached})
print(child.pid, flush=True)
time.sleep({life})
"""


class Lines(list[str]):
    """Lines of output that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._more = asyncio.Event()

    def take(self, line: str) -> None:
        self.append(line)
        self._more.set()

    async def first(self) -> str:
        await self._more.wait()
        return self[0]


def python(code: str, folder: Path, **variables: str) -> Launch:
    return Launch([sys.executable, "-c", code], folder, {**os.environ, **variables})


async def test_its_output_arrives_in_order_and_whole(tmp_path: Path) -> None:
    lines = Lines()
    async with running(python(IN_TURNS, tmp_path), lines.take, asyncio.Event(), CLOCK) as process:
        assert await process.wait() == 0
    assert [*lines] == [str(number) for number in range(500)]


async def test_it_gets_its_folder_and_its_environment(tmp_path: Path) -> None:
    code = "import os; print(os.getcwd()); print(os.environ['GREETING'])"
    lines = Lines()
    async with running(
        python(code, tmp_path, GREETING="grüezi"), lines.take, asyncio.Event(), CLOCK
    ) as process:
        await process.wait()
    assert os.path.samefile(lines[0], tmp_path)  # noqa: ASYNC240
    assert lines[1] == "grüezi"


async def test_its_exit_code_is_told(tmp_path: Path) -> None:
    async with running(
        python("raise SystemExit(3)", tmp_path), Lines().take, asyncio.Event(), CLOCK
    ) as process:
        assert await process.wait() == 3


@pytest.mark.parametrize("detached", [False, True], ids=["in its group", "in a session of its own"])
async def test_what_it_started_ends_with_it(tmp_path: Path, detached: bool) -> None:
    lines = Lines()
    launch = python(PARENT.format(detached=detached, life=600), tmp_path)
    async with running(launch, lines.take, asyncio.Event(), CLOCK, grace=2) as process:
        child = int(await lines.first())
        assert lives(child)
    assert not lives(process.pid)
    assert not lives(child)


@posix_only
async def test_what_outlives_its_parent_in_the_group_is_stopped_too(tmp_path: Path) -> None:
    lines = Lines()
    launch = python(PARENT.format(detached=False, life=0), tmp_path)
    async with running(launch, lines.take, asyncio.Event(), CLOCK, grace=2) as process:
        await process.wait()
        child = int(await lines.first())
    assert not lives(child)


@posix_only
async def test_one_that_does_not_listen_is_ended_by_force(tmp_path: Path) -> None:
    lines = Lines()
    async with running(python(STUBBORN, tmp_path), lines.take, asyncio.Event(), CLOCK, grace=0.1) as process:
        await lines.first()
    assert not lives(process.pid)


@posix_only
async def test_a_second_request_ends_it_at_once(tmp_path: Path) -> None:
    lines, hurry = Lines(), asyncio.Event()
    async with running(python(STUBBORN, tmp_path), lines.take, hurry, CLOCK, grace=3600) as process:
        await lines.first()
        hurry.set()
    assert not lives(process.pid)


async def test_one_that_was_cancelled_while_stopping_is_not_left_behind(tmp_path: Path) -> None:
    lines = Lines()
    pids = list[int]()

    async def run() -> None:
        async with running(
            python(STUBBORN, tmp_path), lines.take, asyncio.Event(), CLOCK, grace=3600
        ) as process:
            pids.append(process.pid)
            await lines.first()

    task = asyncio.ensure_future(run())
    await lines.first()
    task.cancel()
    for _ in range(5):  # into the wait for a graceful end
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not lives(pids[0])


async def test_a_taker_that_fails_is_an_error_and_not_a_hung_program(tmp_path: Path) -> None:
    def broken(_line: str) -> None:
        raise OSError("no space left")

    code = "while True: print('x' * 1000, flush=True)"
    with pytest.raises(OSError, match="no space left"):
        async with running(python(code, tmp_path), broken, asyncio.Event(), CLOCK) as process:
            await process.wait()


async def test_a_program_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    nothing: Callable[[str], None] = lambda _: None  # noqa: E731
    with pytest.raises(OSError):
        async with running(
            Launch([str(tmp_path / "nothing")], tmp_path, {}), nothing, asyncio.Event(), CLOCK
        ):
            pass


RUN = """
import asyncio, os, signal, sys
from pathlib import Path
from outboard.clock import SystemClock
from outboard.run.processes.process import Launch, running

async def main():
    lines = asyncio.Queue()
    launch = Launch((sys.executable, "-c", PROGRAM), Path.cwd(), os.environ)
    async with running(launch, lines.put_nowait, asyncio.Event(), SystemClock()) as process:
        print(process.pid, await lines.get(), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@posix_only
@pytest.mark.parametrize("detached", [False, True], ids=["in its group", "in a session of its own"])
async def test_nothing_outlives_a_run_that_is_killed(tmp_path: Path, detached: bool) -> None:
    program = PARENT.format(detached=detached, life=600)
    code = RUN.replace("PROGRAM", repr(program))
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await run.communicate()
    pids = [int(word) for word in output.split()]
    assert (run.returncode, len(pids)) == (-9, 2)
    while any(lives(pid) for pid in pids):  # noqa: ASYNC110 (nobody tells of the end of an orphan)
        await asyncio.sleep(0.02)


@posix_only
async def test_one_that_does_not_listen_is_ended_with_a_run_that_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", STUBBORN, stdout=asyncio.subprocess.PIPE, start_new_session=True
    )
    assert program.stdout is not None
    await program.stdout.readline()
    monkeypatch.setattr(orphans, "GRACE", 0.1)
    started = process_identity(program.pid).started
    orphans.end(program.pid, started + 10)
    assert lives(program.pid), "another process with the number of one that has ended"
    await asyncio.to_thread(orphans.end, program.pid, started)
    assert await program.wait() == -9
