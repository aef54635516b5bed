"""Starting both sidecars, and seeing how that goes and how it ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from conformance.asking import masked_answers
from conformance.http1 import Answer, exchange
from conformance.questions.starts import Start
from conformance.sidecars import Program, Running, launched

__all__ = ["Outcome", "start_both"]

PATIENCE = 30.0
SETTLED = 0.2
"""Seconds: daprd may say for a moment that it is healthy while it is about to end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether one got ready, what it answered, and its exit code (None while it runs)."""

    ready: bool
    exit_code: int | None = None
    answers: tuple[object, ...] = ()


async def start_both(
    programs: tuple[Program, Program], start: Start, folder: Path
) -> tuple[Outcome, Outcome]:
    """How daprd starts, and how ours does."""
    first, second = programs
    real, ours = await asyncio.gather(_observe(first, start, folder), _observe(second, start, folder))
    return real, ours


async def _observe(program: Program, start: Start, folder: Path) -> Outcome:
    async with launched(program, start.group, folder / program.name) as sidecar, asyncio.timeout(PATIENCE):
        if not await _is_ready(sidecar):
            return Outcome(ready=False, exit_code=sidecar.process.returncode)
        answers = await masked_answers(sidecar, start.asks)
        if start.signalled:
            sidecar.process.terminate()
        if start.ends:
            await sidecar.process.wait()
        return Outcome(True, sidecar.process.returncode, answers)


async def _is_ready(sidecar: Running) -> bool:
    """Wait until it is ready, or has ended."""
    while sidecar.process.returncode is None:
        answer = await exchange(sidecar.port, "GET", "/v1.0/healthz", b"", {})
        if isinstance(answer, Answer) and answer.status == 204:
            await asyncio.sleep(SETTLED)
            return sidecar.process.returncode is None
        await asyncio.sleep(0.03)
    return False
