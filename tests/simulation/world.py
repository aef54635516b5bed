"""What everything simulated shares: time, chance, faults, and the story of what happened."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Sequence
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from outboard.host.processes import ProcessIdentity
from simulation.loop import PROCESS, Process, SimulatedLoop

__all__ = ["RARE", "STOPS", "STOPS_BESIDE", "Ended", "Machines", "Plan", "SimulatedClock", "World"]

START: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOUR: Final = 3600.0
BAD_STEPS: Final = ("kill", "stop")
AIMS: Final = (
    ("park", "commit unknown"), ("apply", "commit failed"), ("apply", "kill"), ("apply", "kill after commit"),
    ("settle", "kill"), ("settle", "commit unknown"), ("claim", "stop"), ("stage", "commit unknown"),
    ("take", "stale retry"),
)  # fmt: skip
"""What a run can aim at: a fault at a moment at which few strike by chance, and which has to be withstood."""
AIMS_AT_LETTERS: Final = (
    ("collect", "commit unknown"), ("collect", "kill after commit"), ("replay", "kill"),
    ("replay", "kill after commit"), ("replay", "commit unknown"), ("replay", "commit failed"),
    ("publish again", "refused"), ("publish again", "answer lost"), ("publish again", "kill"),
)  # fmt: skip
"""The same for a run with dead letters."""
AIMED: Final = 0.2
"""How many runs have each of them."""
AIMED_RATE: Final = 0.5
MOST_AIMED: Final = 8
MOST_OF_ONE: Final = 12
RARE: Final = {"letters": 0.03, "threads": 0.2}
"""How many runs collect dead letters and replay them, and how many have engines that are not asynchronous:
their work is done in threads.
"""
SECONDS_OF_LETTERS: Final = 12.0
"""Long enough for harm to meet replays, too."""
STOPS: Final = "SIGTERM"
STOPS_BESIDE: Final = "commit failed"
"""Where all that happens is that programs are asked to stop, their database refuses now and then: it is known
then what it has done, so that nothing has to come twice.
"""
RATE_BESIDE: Final = 0.15
MOST_BESIDE: Final = 60
LONGEST_STOP: Final = 50.0
"""Longer than a lease of the outbox, and than a consumer group waits for a member."""


class Ended(BaseException):
    """The run is over: whatever still stands somewhere goes no further."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much harm a run does: at most `faults`, until `seconds`, each chance of one with `rate`.

    `step_rate` is that of a process to be killed or stopped before it goes on. `skewed` are clocks.
    `aims` are some of AIMS.
    """

    faults: int
    seconds: float
    rate: float
    step_rate: float
    skewed: bool
    aims: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def drawn(cls, random: Random) -> Plan:
        """One seed in ten does no harm at all, so that what goes wrong then is nobody's fault."""
        faults = 0 if random.random() < 0.1 else random.randint(1, 24)
        aims = frozenset(aim for aim in AIMS if random.random() < AIMED)
        return cls(
            faults,
            random.choice((6.0, 12.0) if any(at == "park" for at, _ in aims) else (2.0, 6.0, 12.0)),
            random.choice((0.02, 0.08, 0.25)),
            random.choice((0.0, 0.0005, 0.004)),
            random.random() < 0.3,
            aims,
        )

    def aims_at(self, moment: str) -> bool:
        """Whether a fault is aimed at `moment`."""
        return any(at == moment for at, _ in self.aims)


class World:
    """One run. `story` is kept only where somebody wants to read it; its digest always.

    With `only`, that is the one kind of fault that there is, and it happens often; with STOPS come
    STOPS_BESIDE. `parts` of RARE are there in any case.
    """

    def __init__(
        self, seed: int, *, keeps_story: bool = False, only: str = "", parts: Collection[str] = ()
    ) -> None:
        self.seed = seed
        self.random = Random(f"outboard {seed}")
        self.plan = Plan.drawn(self.random)
        self.only = only
        if only:
            faults, rate = (MOST_BESIDE, RATE_BESIDE) if only == STOPS else (MOST_OF_ONE, AIMED_RATE)
            self.plan = Plan(faults=faults, seconds=12.0, rate=rate, step_rate=0.0, skewed=False)
        self._strikes = STOPS_BESIDE if only == STOPS else only
        self.loop = SimulatedLoop(Random(f"order {seed}"))
        self.loop.before_step = self._before_step
        self.loop.ends = self._ends
        self.story: list[str] | None = [] if keeps_story else None
        self.faults: Counter[str] = Counter()
        self.last_fault = 0.0
        self.over = False
        self.machines = Machines("here" if self.random.random() < 0.5 else "")
        self.database_offset = 0.0
        extras = Random(f"other parts {seed}")
        self.threads = extras.random() < RARE["threads"] or "threads" in parts
        self.letters = extras.random() < RARE["letters"] or "letters" in parts
        if self.letters and not only:
            aiming = Random(f"extras {seed}")
            chances = [aiming.random() for _ in range(2 + len(AIMS_AT_LETTERS))][2:]  # as mutants were found
            aims = frozenset(
                aim for aim, chance in zip(AIMS_AT_LETTERS, chances, strict=True) if chance < AIMED
            )
            self.plan = replace(self.plan, aims=self.plan.aims | aims, seconds=SECONDS_OF_LETTERS)
        self._left = self.plan.faults
        most = MOST_AIMED if self.plan.faults else 0
        self._aimed_left = {AIMS: most, AIMS_AT_LETTERS: most}
        self._digest = hashlib.sha256()
        self._steps = Random(f"steps {seed}")

    @property
    def now(self) -> float:
        return self.loop.time()

    @property
    def database_milliseconds(self) -> int:
        """Since 1970, by the clock of the databases."""
        return int((START.timestamp() + self.now + self.database_offset) * 1000)

    @property
    def digest(self) -> str:
        """The same for the same story."""
        return self._digest.hexdigest()

    def tell(self, what: str, process: Process | None = None) -> None:
        """Add a line to the story."""
        if self.over:
            return
        who = PROCESS.get() if process is None else process
        line = f"{self.now:9.3f}  {who.name:<15} {what}"
        self._digest.update(line.encode("utf-8", "replace"))
        if self.story is not None:
            self.story.append(line)

    async def wait(self, shortest: float, longest: float) -> None:
        """Wait for a time that is drawn. Nothing waits once the run is over."""
        self.check()
        await asyncio.sleep(self.random.uniform(shortest, longest))
        self.check()

    def check(self) -> None:
        """Raises Ended."""
        if self.over:
            raise Ended

    def strikes(self, *kinds: str, at: str = "") -> str:
        """The fault that happens now, one of `kinds`; empty where none does. `at` is a moment of AIMS."""
        if self.over or self.now > self.plan.seconds or PROCESS.get().immune:
            return ""
        for aims in (AIMS, AIMS_AT_LETTERS) if at else ():
            for aim in aims if self._aimed_left[aims] > 0 else ():
                if aim[0] == at and aim in self.plan.aims and self.random.random() < AIMED_RATE:
                    self._aimed_left[aims] -= 1
                    return self._struck(aim[1])
        if self._left <= 0 or (self.only and self._strikes not in kinds):
            return ""
        if self.random.random() >= self.plan.rate:
            return ""
        return self._struck(self._strikes or self.random.choice(kinds))

    def happens(self, *kinds: str) -> str:
        """One of `kinds`, which counts as a fault."""
        return self._struck(self.random.choice(kinds))

    def calm(self) -> None:
        """Nothing more is done to anybody."""
        self._left = 0
        self._aimed_left = dict.fromkeys(self._aimed_left, 0)

    async def suffer(self, kind: str) -> None:
        """Let what `kind` says be done to the process that asks: for `kill` this never returns."""
        process = PROCESS.get()
        if kind == "kill":
            self.loop.kill(process)
            await asyncio.sleep(0)
            raise Ended
        if kind == "stop":
            self.stop(process)
            await asyncio.sleep(0)

    def stop(self, process: Process) -> None:
        """As SIGSTOP, and SIGCONT later."""
        self.check()
        process.stopped = True
        seconds = self.random.choices((1.0, 6.0, LONGEST_STOP), (45, 35, 20))[0] * (
            0.5 + self.random.random() / 2
        )

        def go_on() -> None:
            if process.alive:
                process.stopped = False
                self.tell("goes on", process)

        self.later(seconds, go_on)

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Call `do`, outside of all processes, after `seconds`."""
        context = copy_context()
        context.run(PROCESS.set, self.loop.outside)
        self.loop.call_later(seconds, lambda: None if self.over else do(), context=context)

    def beside(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin `work` outside of all processes."""
        return self.loop.begin(self.loop.outside, work)

    def pick(self, items: Sequence[Any]) -> Any:
        return self.random.choice(items)

    def _ends(self) -> None:
        self.over = True

    def _before_step(self, process: Process) -> None:
        if self._left <= 0 or self.now > self.plan.seconds:
            return
        if self._steps.random() >= self.plan.step_rate:
            return
        kind = self._struck(self._steps.choice(BAD_STEPS), process)
        if kind == "kill":
            self.loop.kill(process)
        else:
            self.stop(process)

    def _struck(self, kind: str, process: Process | None = None) -> str:
        self._left -= 1
        self.faults[kind] += 1
        self.last_fault = self.now
        self.tell(f"FAULT {kind}", process)
        return kind


class Machines:
    """Who can see whose processes: all are on one machine of this `name`, or nobody can tell."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._processes: list[Process] = []

    def place(self, process: Process) -> None:
        """Give `process` its number."""
        self._processes.append(process)
        process.machine, process.number = self._name, len(self._processes)

    def identity(self) -> ProcessIdentity:
        """As `process_identity` of whichever process asks."""
        process = PROCESS.get()
        return ProcessIdentity(process.machine, process.number, float(process.number))

    def has_ended(self, other: ProcessIdentity, here: ProcessIdentity) -> bool:
        """As that of the shipped module, which looks at the processes of the machine."""
        if not other.host or other.host != here.host:
            return False
        return not self._processes[other.process - 1].alive


class SimulatedClock:
    """The clock of whichever process asks."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return START + timedelta(seconds=self._world.now + PROCESS.get().offset)

    def monotonic(self) -> float:
        return self._world.now

    async def sleep(self, seconds: float) -> None:
        self._world.check()
        await asyncio.sleep(max(seconds, 0.0))
