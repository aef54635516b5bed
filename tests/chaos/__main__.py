"""The command of the proof: `python3 dev.py chaos`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from chaos.invariants import Counts, counts, verdicts
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
  python3 dev.py chaos --kills 500 --events 100000 --keys 1000 --rounds 10 --folder proof
                                                              the whole proof, more than an hour; the same
                                                              command goes on with one that was interrupted
  python3 dev.py chaos --mutant no-inbox                      a broken service: the run has to find it

Engines come from `python3 dev.py engines`. The exit code is 0 if all invariants hold, 1 if one falls, 2 for
wrong usage or an engine that is missing. The folder keeps of each round its logs, its databases of SQLite,
the faults as they came (faults.jsonl) and the report (report.json).
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
    add("--rounds", type=_count, default=1, metavar="N",
        help="divide kills and events among so many systems, each with a report of its own (1)")  # fmt: skip
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
    add(
        "--folder",
        type=Path,
        metavar="PATH",
        help="for what it leaves behind: a new one, or that of a run to go on with",
    )
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
        return _refuse("needs signals that Windows does not have; run it on Linux or macOS")
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="outboard-chaos-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    settings = _settings(given, folder)
    if settings is None:
        return _refuse(f"{folder} holds something else: name a new folder, or give the options of its run")
    say = _Saying(folder / "progress.txt")
    say(f"{settings.kills} kills, {settings.events:,} events, {settings.keys:,} keys, {given.rounds} rounds")
    say(f"{settings.database} and {settings.broker}; --seed {settings.seed}; in {folder}")
    reports = []
    try:
        for number in range(1, given.rounds + 1):
            reports.append(_round(_part(settings, number, given.rounds), folder / f"round-{number:02}", say))
            if given.output == "text":
                print("\n".join(_lines(reports[-1])), flush=True)
    except LookupError as missing:
        names = str(missing.args[0])
        return _refuse(f"{names} not set up: python3 dev.py engines {names}")
    except KeyboardInterrupt:
        say(f"interrupted; to go on, give the same options with --seed {settings.seed} --folder {folder}")
        return 130
    print(json.dumps(reports) if given.output == "json" else _sum(reports), flush=True)
    return 0 if all(each["holds"] for report in reports for each in report["invariants"]) else 1


def _refuse(text: str) -> int:
    print(f"chaos: {text}", file=sys.stderr)
    return 2


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


def _settings(given: argparse.Namespace, folder: Path) -> Settings | None:
    """Of a new run, or of the one in `folder`; None where that is another one."""
    file, there = folder / "run.json", any(folder.iterdir())
    earlier = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if there and not earlier:
        return None
    seed = earlier.get("seed", int(time.time())) if given.seed is None else given.seed
    faults = round(given.kills * 1.6)
    gap = given.minutes * 60 / faults if given.minutes else 3.0
    settings = Settings(
        given.kills, given.events, given.keys, given.database, given.broker, seed, gap,
        given.drain_seconds, given.stop_seconds, given.mutant,
    )  # fmt: skip
    wanted = {**asdict(settings), "rounds": given.rounds}
    if earlier not in ({}, wanted):
        return None
    file.write_text(json.dumps(wanted, indent=2) + "\n", encoding="utf-8")
    return settings


def _part(settings: Settings, number: int, of: int) -> Settings:
    """What the `number`-th round has to do."""
    kills, events = (total // of + (number <= total % of) for total in (settings.kills, settings.events))
    return replace(settings, kills=kills, events=events, seed=settings.seed + number - 1)


def _round(settings: Settings, folder: Path, say: _Saying) -> dict[str, Any]:
    """The report of a round: of an earlier run, where that has come to its end."""
    file = folder / "report.json"
    if file.exists():
        say(f"{folder.name} is done already")
        report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        return report
    if folder.exists():
        say(f"{folder.name} was interrupted, and begins anew")
        shutil.rmtree(folder)
    folder.mkdir()
    evidence = run(settings, folder, say)
    report = {
        "settings": asdict(settings),
        "counts": counts(evidence)._asdict(),
        "invariants": [{**asdict(each), "holds": each.holds} for each in verdicts(evidence)],
        "notes": list(evidence.notes),
        "stopped": [asdict(each) for each in evidence.stopped],
        "growths": [asdict(each) for each in evidence.growths],
    }
    file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


def _lines(report: dict[str, Any]) -> list[str]:
    lines = [f"note: {note}" for note in report["notes"]]
    for each in report["invariants"]:
        lines.append(f"{'holds' if each['holds'] else 'FALLS'}  {each['number']:>2}  {each['promise']}")
        lines.append(f"           {each['figures']}")
        lines += [f"           ! {problem}" for problem in each["problems"]]
    return lines


def _sum(reports: Sequence[dict[str, Any]]) -> str:
    """The last line: all rounds together."""
    columns = zip(*(report["counts"].values() for report in reports), strict=True)
    total = Counts(*map(sum, columns))
    kills = sum(report["settings"]["kills"] for report in reports)
    fallen = {each["number"] for report in reports for each in report["invariants"] if not each["holds"]}
    told = f"fallen: {', '.join(map(str, sorted(fallen)))}" if fallen else "all thirteen hold"
    return (
        f"{kills} kills among {total.faults} faults; committed {total.committed:,}; {total.records:,} records"
        f"; applied {total.applied:,}; dead {total.dead:,}; lost {total.lost}; applied twice "
        f"{total.applied_twice}; order inversions {total.inversions}\n{told}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
