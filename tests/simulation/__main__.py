"""`python3 dev.py simulate`: runs of the simulation by their seeds, and what each of them has shown.

    python3 dev.py simulate --seed 4711 --trace    one run, told line by line
    python3 dev.py simulate --seeds 20000          many; on as many processors as there are with --jobs
    python3 dev.py simulate --seed 3 --only 'stale retry' --trace    with one kind of fault alone
    python3 dev.py simulate --mutant NAME          with one of the faults that it has to find in shipped code

Exit code 1 where something is not true, with the command that shows the run again.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from simulation.mutants import MUTANTS, apply_mutant

if TYPE_CHECKING:
    from simulation.run import Outcome

CHUNK = 50
PARTS = ("letters", "threads")
"""As `RARE` of the world, which is not imported before a mutant is applied."""


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    asked = _parsed(arguments)
    if asked.mutant:
        apply_mutant(asked.mutant)
    if asked.seed is not None:
        return _show(_one(asked.seed, keeps_story=asked.trace, only=asked.only, parts=asked.parts), asked)
    faults: Counter[str] = Counter()
    seeds = events = steps = 0
    for told in _runs(asked):
        seeds += 1
        events += told["events"]
        steps += told["steps"]
        faults.update(told["faults"])
        if told["violations"]:
            _tell(f"seed {told['seed']}: {len(told['violations'])} violations after {seeds} seeds", asked)
            for each in told["violations"]:
                _tell(f"  {each}", asked)
            _tell(f"replay it: {_command(told['seed'], asked)}", asked)
            if not asked.all:
                return 1
    _tell(f"{seeds} seeds, {events} events, {steps} steps, {faults.total()} faults:", asked)
    for kind, count in faults.most_common():
        _tell(f"  {count:7}  {kind}", asked)
    return 0


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dev.py simulate", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, help="run this one alone")
    parser.add_argument("--trace", action="store_true", help="tell what happens in it")
    parser.add_argument("--seeds", type=int, default=2_000, help="how many (2000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1); 0 is one for each processor")
    parser.add_argument("--all", action="store_true", help="go on behind a seed that has failed")
    parser.add_argument("--only", default="", metavar="FAULT", help="the one kind of fault: 'stale retry'")
    parser.add_argument("--with", dest="parts", action="append", default=[], choices=PARTS, metavar="PART",
                        help="in each run what only some have: letters (dead letters are collected and "
                        "replayed), threads (engines that are not asynchronous)")  # fmt: skip
    parser.add_argument("--mutant", choices=[mutant.name for mutant in MUTANTS])
    parser.add_argument("--output", choices=("text", "json"), default="text")
    asked = parser.parse_args(arguments)
    return asked


def _runs(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    seeds = range(asked.first, asked.first + asked.seeds)
    jobs = asked.jobs or os.cpu_count() or 1
    several = partial(_several, only=asked.only, parts=asked.parts)
    if jobs == 1:
        yield from (told for seed in seeds for told in several([seed]))
        return
    chunks = [list(seeds[at : at + CHUNK]) for at in range(0, len(seeds), CHUNK)]
    with ProcessPoolExecutor(jobs, get_context("spawn"), apply_mutant, (asked.mutant,)) as pool:
        for told in pool.map(several, chunks):
            yield from told


def _several(seeds: Sequence[int], only: str, parts: Sequence[str]) -> list[dict[str, Any]]:
    return [_one(seed, only=only, parts=parts) for seed in seeds]


def _one(
    seed: int, *, keeps_story: bool = False, only: str = "", parts: Sequence[str] = ()
) -> dict[str, Any]:
    from simulation.run import run  # only now: a mutant is applied to what is imported here

    return _values(run(seed, keeps_story=keeps_story, only=only, parts=parts))


def _values(outcome: Outcome) -> dict[str, Any]:
    return {
        "seed": outcome.seed,
        "violations": list(outcome.violations),
        "digest": outcome.digest,
        "faults": dict(outcome.faults),
        "events": outcome.events,
        "steps": outcome.steps,
        "seconds": outcome.took,
        "story": outcome.story,
    }


def _show(told: dict[str, Any], asked: argparse.Namespace) -> int:
    if asked.output == "json":
        _say(json.dumps(told))
    else:
        for line in told["story"] or ():
            _say(line)
        _say(f"seed {told['seed']}: {told['events']} events, {told['steps']} steps, "
             f"{told['seconds']:.1f} s, digest {told['digest'][:16]}, faults {told['faults']}")  # fmt: skip
        for each in told["violations"] or ["nothing is violated"]:
            _say(f"  {each}")
    return 1 if told["violations"] else 0


def _command(seed: int, asked: argparse.Namespace) -> str:
    only = f" --only '{asked.only}'" if asked.only else ""
    only += "".join(f" --with {part}" for part in asked.parts)
    mutant = f" --mutant {asked.mutant}" if asked.mutant else ""
    return f"python3 dev.py simulate --seed {seed} --trace{only}{mutant}"


def _tell(text: str, asked: argparse.Namespace) -> None:
    if asked.output == "text":
        _say(text)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
