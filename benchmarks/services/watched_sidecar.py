"""`outboard sidecar` with a ticker in its loop, which notes how long the loop was busy with other things.

    STALLS=FILE python watched_sidecar.py FLAGS

A line each tenth of a second: when (Unix time), and the longest turn of the loop since the line before, in
ms: by the clock, and of it on the CPU. The first is longer than the sidecar's own doing where other processes
take the CPU away; the second has no waiting for a disk or a lock in it.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import TextIO

from outboard.host.event_loop import new_event_loop
from outboard.sidecar.process.main import run

TICK = 0.001
LINE = 0.1


async def watch(lines: TextIO) -> None:
    wall, cpu, told = time.perf_counter(), time.thread_time(), time.time()
    longest = busiest = 0.0
    while True:
        await asyncio.sleep(TICK)
        now, used = time.perf_counter(), time.thread_time()
        longest, busiest = max(longest, now - wall - TICK), max(busiest, used - cpu)
        wall, cpu = now, used
        if time.time() - told >= LINE:
            told = time.time()
            print(told, longest * 1000, busiest * 1000, file=lines, flush=True)
            longest = busiest = 0.0


async def main(lines: TextIO) -> int:
    watching = asyncio.create_task(watch(lines))
    try:
        return await run(sys.argv[1:], os.environ, sys.stdout)
    finally:
        watching.cancel()


if __name__ == "__main__":
    with (
        open(os.environ["STALLS"], "w", encoding="utf-8") as lines,
        asyncio.Runner(loop_factory=new_event_loop) as runner,
    ):
        sys.exit(runner.run(main(lines)))
