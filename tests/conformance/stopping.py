"""Ending both sidecars in the middle of their deliveries, and seeing what the app got."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from conformance.asking import masked_answers, masked_deliveries
from conformance.http1 import exchange
from conformance.questions.stops import Stop
from conformance.sidecars import Program, Running, app_of, started, until_ready

__all__ = ["Ended", "stop_both"]

PATIENCE = 40.0
"""Seconds: no more than a bound that ends a hopeless wait."""
BETWEEN = 0.3
"""Seconds between two signals, and from the last delivery to the end of what is watched."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What it answered, before and after it was told to end, what the app got, and the exit code."""

    answers: tuple[object, ...]
    deliveries: tuple[object, ...]
    exit_code: int | None


async def stop_both(programs: tuple[Program, Program], stop: Stop, folder: Path) -> tuple[Ended, Ended]:
    """How daprd ends, and how ours does."""
    first, second = programs
    real, ours = await asyncio.gather(_observe(first, stop, folder), _observe(second, stop, folder))
    return real, ours


async def _observe(program: Program, stop: Stop, folder: Path) -> Ended:
    place = folder / program.name
    async with app_of(stop.group) as app, asyncio.timeout(PATIENCE):
        app.prepare({stop.paths[0]: stop.answers})
        async with started(program, stop.group, place, app) as sidecar:
            await until_ready(sidecar)
            answers = await masked_answers(sidecar, stop.asks)
            await app.until(stop.paths, 1)
            await _end(sidecar, stop)
            answers += await masked_answers(sidecar, stop.meanwhile)
            code = await sidecar.process.wait()
            await asyncio.sleep(BETWEEN)
            deliveries = masked_deliveries(sidecar, stop.asks, stop.paths)
        if stop.restarts:
            async with started(program, stop.group, place, app) as sidecar:
                await until_ready(sidecar)
                await asyncio.sleep(BETWEEN)
                deliveries = masked_deliveries(sidecar, stop.asks, stop.paths)
    return Ended(answers, deliveries, code)


async def _end(sidecar: Running, stop: Stop) -> None:
    process = sidecar.process
    match stop.how:
        case "api":
            await exchange(sidecar.port, "POST", "/v1.0/shutdown", b"", {})
        case "kill":
            process.kill()
        case "interrupt":
            process.send_signal(signal.SIGINT)
        case "term":
            process.terminate()
        case "twice":
            process.terminate()
            await asyncio.sleep(BETWEEN)
            with suppress(ProcessLookupError):
                process.terminate()
