"""The command of the proof: `python3 dev.py chaos`."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from chaos.evidence import Evidence
from chaos.invariants import Verdict, verdicts
from chaos.run import run
from chaos.settings import MUTANTS, Settings

__all__ = ["main"]

DESCRIPTION = """\
Prove with real processes that no event is lost and none is applied twice.

Three writers commit orders together with their events (10 % are rolled back, 1 % are poison), two relays and
a service of four workers publish them, and two services with their sidecars apply them to a ledger, once
each. Meanwhile relays, services, sidecars, broker and database are killed, frozen and stopped, answers are
lost, sessions are ended, and disks are full: in an order that the seed decides. At the end it drains, and
thirteen invariants are checked over what is in the databases, on the broker and in the logs.
"""
EPILOG = """\
examples:
  python3 dev.py chaos                                        SQLite and pubsub.sqlite: no engine is needed
  python3 dev.py chaos --database postgresql --broker kafka   with the real PostgreSQL, Kafka and daprd
  python3 dev.py chaos --kills 500 --events 100000 --keys 1000
                                                              the whole proof, about an hour
  python3 dev.py chaos --mutant no-inbox                      a broken service: the run has to find it

Engines come from `python3 dev.py engines`. The exit code is 0 if all invariants hold, 1 if one falls, 2 for
wrong usage or an engine that is missing. The folder of a run keeps its logs, its databases, the faults as
they came (faults.jsonl) and the report (report.json).
"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="dev.py chaos",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add(
        "--kills",
        type=_count,
        default=15,
        metavar="N",
        help="times SIGKILL, and half as many other faults (15)",
    )
    add("--events", type=_count, default=2_500, metavar="N", help="events to commit (2500)")
    add("--keys", type=_count, default=200, metavar="N", help="ordering keys (200)")
    add("--database", choices=("sqlite", "postgresql"), default="sqlite", help="of the services (sqlite)")
    add("--broker", choices=("sqlite", "kafka"), default="sqlite",
        help="pubsub.sqlite on Outboard's sidecar, or Kafka on daprd (sqlite)")  # fmt: skip
    add("--seed", type=int, metavar="S", help="decides which faults come; another one each time unless given")
    add(
        "--minutes",
        type=float,
        metavar="M",
        help="how long the faults take; 3 s from one to the next unless given",
    )
    add("--drain-seconds", type=float, default=30.0, metavar="S", help="bound of the ninth invariant (30)")
    add("--stop-seconds", type=float, default=10.0, metavar="S", help="bound of the eleventh invariant (10)")
    add("--mutant", choices=MUTANTS, default="", help="break the service")
    add("--folder", type=Path, metavar="PATH", help="an empty or new folder for what it leaves behind")
    add("--output", choices=("text", "json"), default="text", help="of the report")
    return made


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("has to be at least 1")
    return number


def main(arguments: Sequence[str]) -> int:
    """Run it; the exit code."""
    given = parser().parse_args(arguments)
    if os.name == "nt":
        print("chaos: needs signals that Windows does not have; run it on Linux or macOS", file=sys.stderr)
        return 2
    folder = given.folder or Path(tempfile.mkdtemp(prefix="outboard-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        print(f"chaos: {folder} is not empty: name a new folder", file=sys.stderr)
        return 2
    settings = _settings(given)
    say = _Saying(folder / "progress.txt")
    say(f"{settings.kills} kills, {settings.events:,} events, {settings.keys:,} keys")
    say(f"{settings.database} and {settings.broker}; --seed {settings.seed}; in {folder}")
    try:
        evidence = run(settings, folder.resolve(), say)
    except LookupError as missing:
        names = str(missing.args[0])
        print(f"chaos: {names} not set up: python3 dev.py engines {names}", file=sys.stderr)
        return 2
    found = verdicts(evidence)
    report = _report(settings, found, evidence)
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report) if given.output == "json" else "\n".join(_lines(found, evidence)), flush=True)
    return 0 if all(each.holds for each in found) else 1


class _Saying:
    """Tells what happens, with the time since the start: a person, and a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        line = f"{time.monotonic() - self._began:7.1f} s  {text}"
        print(line, file=sys.stderr, flush=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _settings(given: argparse.Namespace) -> Settings:
    seed = given.seed if given.seed is not None else int(time.time())
    faults = round(given.kills * 1.6)
    gap = given.minutes * 60 / faults if given.minutes else 3.0
    return Settings(
        given.kills, given.events, given.keys, given.database, given.broker, seed, gap,
        given.drain_seconds, given.stop_seconds, given.mutant,
    )  # fmt: skip


def _lines(found: Sequence[Verdict], evidence: Evidence) -> list[str]:
    lines = [f"note: {note}" for note in evidence.notes]
    for each in found:
        lines.append(f"{'holds' if each.holds else 'FALLS'}  {each.number:>2}  {each.promise}")
        lines.append(f"           {each.figures}")
        lines += [f"           ! {problem}" for problem in each.problems]
    fallen = [str(each.number) for each in found if not each.holds]
    lines.append(f"fallen: {', '.join(fallen)}" if fallen else "all thirteen hold")
    return lines


def _report(settings: Settings, found: Sequence[Verdict], evidence: Evidence) -> dict[str, object]:
    return {
        "settings": asdict(settings),
        "invariants": [{**asdict(each), "holds": each.holds} for each in found],
        "notes": list(evidence.notes),
        "stopped": [asdict(each) for each in evidence.stopped],
        "growths": [asdict(each) for each in evidence.growths],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
