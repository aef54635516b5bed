"""A run: traffic under faults, then while programs are asked to stop, then what was dead is replayed."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TextIO

from chaos.counting import Counted, Counting
from chaos.databases import Undo
from chaos.doing import CAN_FILL, Doing
from chaos.evidence import Applied, Evidence, Stopped
from chaos.flatness import Sampler, growths
from chaos.logs import scanned
from chaos.schedule import Fault, FaultKind, possible_faults, schedule
from chaos.settings import Settings
from chaos.system import IN_FLIGHT, System, running_system
from outboard.live.outboxes import outbox_statuses
from support.processes import outboard

__all__ = ["run"]

Say = Callable[[str], None]

UNDER_FAULTS: Final = 0.9
"""Of all events; the rest is committed while programs are asked to stop."""
MOST_BACKLOG: Final = 500
"""Events on their way: with more, writers wait."""
TICK: Final = 0.05
COUNT_EVERY: Final = 0.5
PATIENCE: Final = 180.0
"""Seconds after which a wait is given up: what is missing then is found by the invariants."""
LONGEST_GAP: Final = 30.0
MOVED: Final = 5
"""Events that are handled between two faults."""
READY: Final = "dapr initialized. Status: Running."
ROLLED: Final = ("relay-1", "relay-2", "ledger-2", "ledger-1", "sidecar-0", "sidecar-2", "sidecar-1")


@dataclass
class Course:
    """What is kept of a run while it goes on."""

    settings: Settings
    system: System
    counting: Counting
    doing: Doing
    say: Say
    journal: TextIO
    undos: list[tuple[float, Fault, Undo]] = field(default_factory=list)
    in_flight: int = 0
    last_counted: float = 0.0
    counted: Counted = field(default=Counted(0, 0, 0, 0))
    allowed: float = 0.0
    stopped: list[Stopped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def run(settings: Settings, folder: Path, say: Say) -> Evidence:
    """All of it, in `folder`, which is empty. Raises LookupError for an engine that is missing."""
    possible = possible_faults(settings.database, settings.broker, disk_full=CAN_FILL)
    faults = schedule(settings.kills, settings.seed, possible)
    if not CAN_FILL:
        say("no disk is full: this machine cannot limit what a running process writes")
    with _course(settings, folder, say) as course:
        system = course.system
        ours = [
            each
            for name, each in system.programs.items()
            if settings.broker == "sqlite" or "side" not in name
        ]
        with Sampler(ours, time.monotonic) as sampler:
            _wait_until_ready(course)
            _under_faults(course, faults)
            drained_after = _drain(course, UNDER_FAULTS)
            _end_faults(course)
            before = {row.event_id for row in course.counting.committed()}
            _roll(course)
            _drain(course, 1.0)
        applied = course.counting.applied()
        _replay(course)
        return _evidence(course, len(faults), drained_after, before, applied, sampler)


@contextmanager
def _course(settings: Settings, folder: Path, say: Say) -> Iterator[Course]:
    with (
        running_system(settings, folder) as system,
        closing(Counting(system.database)) as counting,
        (folder / "faults.jsonl").open("a", encoding="utf-8") as journal,
    ):
        doing = Doing(system, random.Random(f"doing {settings.seed}"))
        course = Course(settings, system, counting, doing, say, journal)
        with _counted(course):
            yield course


@contextmanager
def _counted(course: Course) -> Iterator[None]:
    """Count all the time, in a thread: it hangs with a database that is frozen."""
    ended = threading.Event()

    def count() -> None:
        while not ended.wait(COUNT_EVERY):
            began = time.monotonic()
            if counted := course.counting.count():
                course.counted, course.last_counted = counted, began

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(PATIENCE)


def _wait_until_ready(course: Course) -> None:
    _until(course, lambda: all(_is_ready(course, name, 1) for name in course.system.sidecars))
    course.say("everything runs")


def _is_ready(course: Course, sidecar: str, times: int) -> bool:
    log = course.system.programs[sidecar].log
    return log.exists() and log.read_text(encoding="utf-8", errors="replace").count(READY) >= times


def _until(course: Course, condition: Callable[[], bool], patience: float = PATIENCE) -> bool:
    """Go on until it is so; whether it was."""
    end = time.monotonic() + patience
    while not condition():
        if time.monotonic() > end:
            return False
        _tick(course)
    return True


def _tick(course: Course) -> None:
    """What is to be done all the time."""
    now = time.monotonic()
    for entry in [each for each in course.undos if each[0] <= now]:
        course.undos.remove(entry)
        entry[2]()
    for name in course.doing.tend():
        course.notes.append(f"{name} had ended by itself, and was started again")
    time.sleep(TICK)


def _let_go_on(course: Course, part: float) -> None:
    """Let the writers come to `part` of all events, unless too much is on its way."""
    if part > course.allowed and course.counted.backlog < MOST_BACKLOG:
        course.allowed = min(part, course.allowed + 0.02)
        course.system.allow(course.allowed)


def _under_faults(course: Course, faults: list[Fault]) -> None:
    for fault in faults:
        _wait_for(course, fault, UNDER_FAULTS / len(faults))
        _make_room(course, fault)
        undo = course.doing.begin(fault)
        course.undos.append((time.monotonic() + fault.seconds, fault, undo))
        course.in_flight += IN_FLIGHT * course.doing.met(fault)
        _tell(course, fault, len(faults))


def _make_room(course: Course, fault: Fault) -> None:
    """End what would keep `fault` from beginning: nothing can be asked of a database that is frozen."""
    if fault.kind in (FaultKind.FREEZE, FaultKind.TERMINATE):
        for entry in [each for each in course.undos if each[1].victim in ("broker", "database")]:
            course.undos.remove(entry)
            entry[2]()


def _wait_for(course: Course, fault: Fault, part: float) -> None:
    """Let the writers commit a `part` of all events more, in the time until `fault`.

    It is to meet a system that works: so writers and handlers are waited for, though not for ever.
    """
    began, settings = time.monotonic(), course.settings
    wanted = round(settings.events * part * (fault.number - 1) * 0.9)
    handled = course.counted.handled + MOVED

    def is_time() -> bool:
        elapsed = min(1.0, (time.monotonic() - began) / settings.gap)
        _let_go_on(course, part * (fault.number - 1 + elapsed))
        return elapsed >= 1.0 and course.counted.committed >= wanted and course.counted.handled >= handled

    _until(course, is_time, LONGEST_GAP)


def _tell(course: Course, fault: Fault, of: int) -> None:
    counted = course.counted
    what = f"{fault.kind} {fault.victim}" + (f" for {fault.seconds:.0f} s" if fault.seconds >= 2 else "")
    course.say(
        f"{fault.number} of {of}: {what}; committed {counted.committed:,}, applied {counted.applied:,}, "
        f"dead {counted.dead:,}, in the outbox {counted.waiting:,}"
    )
    entry = {"number": fault.number, "kind": fault.kind, "victim": fault.victim, "seconds": fault.seconds}
    course.journal.write(json.dumps({**entry, **counted._asdict()}) + "\n")
    course.journal.flush()


def _drain(course: Course, part: float) -> float | None:
    """End what is still at fault, and wait until all is handled; how many seconds that took.

    It counts from the end of the last fault, or from the last commit if that was later.
    """
    _until(course, lambda: not course.undos)
    shares = round(course.settings.events * part)
    _until(course, lambda: _are_written(course, part, shares), 20 * PATIENCE)
    began = time.monotonic()
    drained = _until(
        course, lambda: _is_drained(course, began), max(PATIENCE, 2 * course.settings.drain_seconds)
    )
    took = time.monotonic() - began
    course.say(f"drained in {took:.1f} s" if drained else f"not drained after {took:.0f} s")
    return took if drained else None


def _are_written(course: Course, part: float, events: int) -> bool:
    _let_go_on(course, part)
    return course.allowed >= part and course.counted.committed >= events


def _is_drained(course: Course, since: float) -> bool:
    """Whether it was, when it was last counted, after `since`."""
    return course.last_counted > since and course.counted.is_drained


def _end_faults(course: Course) -> None:
    """Nothing but requests to stop is to happen from here on: a lost answer repeats an event, too."""
    if left := course.doing.heal():
        course.say(f"{left} answers more were to be lost, and are not: few came while faults were allowed")


def _roll(course: Course) -> None:
    """Ask one program after the other to stop, with events under way, and start it again."""
    for number, name in enumerate(ROLLED, 1):
        _let_write(course, UNDER_FAULTS + (1 - UNDER_FAULTS) * number / (len(ROLLED) + 1))
        _restart(course, name)
    took = ", ".join(f"{each.name} {each.seconds:.1f} s" for each in course.stopped)
    course.say(f"asked to stop, one after the other: {took}")


def _let_write(course: Course, part: float) -> None:
    began = time.monotonic()

    def is_time() -> bool:
        _let_go_on(course, part)
        return time.monotonic() - began > 1.0

    _until(course, is_time)


def _restart(course: Course, name: str) -> None:
    program = course.system.programs[name]
    course.system.down.add(name)
    course.stopped.append(_stop(course, name))
    before = program.log.read_text(encoding="utf-8", errors="replace").count(READY)
    program.start()
    course.system.down.discard(name)
    if name in course.system.sidecars:
        _until(course, lambda: _is_ready(course, name, before + 1))


def _stop(course: Course, name: str) -> Stopped:
    program = course.system.programs[name]
    program.ask_to_stop()
    took = program.wait(3 * course.settings.stop_seconds)
    if took is None:
        program.kill()
        took = 3 * course.settings.stop_seconds
    return Stopped(name, took)


def _replay(course: Course) -> None:
    """What was poison can be handled now: its letters are published again, and a second time none is."""
    course.system.mend()
    dead = course.counted.dead
    first = _ask_for_replay(course)
    began = time.monotonic()
    _until(course, lambda: course.counted.dead == 0 and _is_drained(course, began))
    second = _ask_for_replay(course)
    course.say(f"replayed {first} of {dead}, and then {second}")


def _ask_for_replay(course: Course) -> int:
    """How many were replayed, as the command tells."""
    system = course.system
    port = system.ports["sidecar-2"].http
    command = outboard(
        "dead-letters", "replay", "--all", "--yes", "-o", "json", "--dapr-http-port", str(port)
    )
    variables = {**system.environment, "OUTBOARD_DATABASE_URL": system.database.ledger_url}
    done = subprocess.run(
        command, env=variables, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", check=False
    )
    with (system.folder / "logs" / "replay.log").open("a", encoding="utf-8") as log:
        log.write(done.stderr)
    if done.returncode != 0:
        course.notes.append(f"the replay ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return 0
    return int(json.loads(done.stdout)["replayed"])


def _evidence(
    course: Course, faults: int, drained_after: float | None, before: set[str], applied: list[Applied],
    sampler: Sampler,
) -> Evidence:  # fmt: skip
    system, counting, settings = course.system, course.counting, course.settings
    for name in (*system.writers, *ROLLED):
        system.down.add(name)
        if name not in system.writers:
            course.stopped.append(_stop(course, name))
    (status,) = asyncio.run(outbox_statuses(system.database.orders_url))
    committed, earlier = counting.committed(), {row.place for row in applied}
    lines, leaks = scanned(system.folder / "logs", system.secrets)
    return Evidence(
        committed=committed,
        attempted={
            line for file in system.folder.glob("attempted-*.txt") for line in file.read_text().split()
        },
        orders=system.broker.records("orders"),
        dead=system.broker.records("orders-dead"),
        letters=counting.letters(),
        applied=applied,
        replayed=[row for row in counting.applied() if row.place not in earlier],
        balances=counting.balances(),
        waiting=status.depth.waiting,
        parked=status.depth.parked,
        orphan_leases=sum(status.relays.values()),
        drained_after=drained_after,
        drain_bound=settings.drain_seconds,
        faults=faults,
        in_flight=course.in_flight,
        rolled={row.event_id for row in committed} - before,
        stopped=course.stopped,
        stop_bound=settings.stop_seconds,
        growths=growths(sampler.samples),
        leaks=leaks,
        logs=lines,
        notes=course.notes,
    )
