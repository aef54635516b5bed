"""The working tree beside an earlier revision: the same benchmarks of both, in turn, in one call.

    python benchmarks/before_after.py REV [--rounds 5] [--events 20000] [--only in_process startup]

REV is checked out into a temporary folder. Each side runs its own benchmarks on its own `src` with the
interpreter and the packages of this environment. In every second round the other side begins, so that a
slow minute falls on both. What is printed is the median of the working tree through that of REV: for
events/s more is better, for times and CPU less. Beside it stand the smallest and the largest of the rounds.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

ROOT: Final = Path(__file__).resolve().parent.parent
Figures: TypeAlias = dict[tuple[str, str], float]
"""(case, measure) → value."""


@dataclass(frozen=True)
class Side:
    """A checkout, and a Python that imports outboard from it."""

    folder: Path
    python: Path

    def run(self, script: str, arguments: list[str]) -> str:
        """What `script` of this checkout prints. Raises SystemExit where it fails."""
        command = [str(self.python), str(self.folder / "benchmarks" / script), *arguments]
        foreign = {"PYTHONPATH", "VIRTUAL_ENV"}  # an active environment would be that of `outboard run`
        environment = {name: value for name, value in os.environ.items() if name not in foreign}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
        return done.stdout


def table(text: str) -> Figures:
    """What `end_to_end.py` prints: a title, a line of measures, a line a case."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    (head,) = (number for number, line in enumerate(lines) if line[0] == "events/s")
    rows = [line for line in lines[head + 1 :] if len(line) == len(lines[head]) + 1]
    return {
        (case, measure): float(value.replace(",", ""))
        for case, *values in rows
        for measure, value in zip(lines[head], values, strict=True)
    }


def rates(text: str) -> Figures:
    """What `in_process.py` prints: a case, its events/s, its CPU an event."""
    found = re.findall(r"^(.+?) {2,}([\d,]+) events/s +([\d,]+) µs of CPU", text, re.MULTILINE)
    return {
        (case, measure): float(value.replace(",", ""))
        for case, *values in found
        for measure, value in zip(("events/s", "µs of CPU"), values, strict=True)
    }


def durations(text: str) -> Figures:
    """What `startup.py` prints: a case and the median of its seconds."""
    found = re.findall(r"^(.+?) +median ([\d.]+) s", text, re.MULTILINE)
    return {(case, "seconds"): float(value) for case, value in found}


READERS: Final[Mapping[str, Callable[[str], Figures]]] = {
    "end_to_end": table,
    "in_process": rates,
    "startup": durations,
}


def environment(folder: Path, checkout: Path) -> Path:
    """The Python of an environment in `folder` that has this one's packages, and outboard from `checkout`."""
    venv.create(folder, with_pip=False)
    paths = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", "venv", paths))
    own = sysconfig.get_path("purelib")
    line = f"import sys, site; sys.path.insert(0, {str(checkout / 'src')!r}); site.addsitedir({own!r})\n"
    (packages / "checkout.pth").write_text(line, encoding="utf-8")
    return Path(sysconfig.get_path("scripts", "venv", paths), Path(sys.executable).name)


@contextmanager
def sides(revision: str) -> Iterator[dict[str, Side]]:
    """REV and the working tree, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        base = folder / "base"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(base), revision], check=True)
        try:
            yield {
                revision: Side(base, environment(folder / "base-python", base)),
                "working tree": Side(ROOT, environment(folder / "tree-python", ROOT)),
            }
        finally:
            subprocess.run([*git, "remove", "--force", str(base)], check=True)


def check(each: Side) -> None:
    """Whether outboard really comes from its checkout."""
    program = "import outboard; print(outboard.__file__)"
    found = subprocess.run([each.python, "-c", program], stdout=subprocess.PIPE, text=True, check=True).stdout
    if not Path(found.strip()).is_relative_to(each.folder):
        raise SystemExit(f"{each.python} imports {found.strip()}, not that of {each.folder}")


def arguments_of(script: str, events: int) -> list[str]:
    return ["--rounds", "1"] if script == "startup" else ["--rounds", "1", "--events", str(events)]


def compare(script: str, both: Mapping[str, Side], rounds: int, events: int) -> None:
    """Run `script` on both sides in turn and print the ratios."""
    figures: dict[str, list[Figures]] = {name: [] for name in both}
    for number in range(rounds):
        for name in sorted(both, reverse=bool(number % 2)):
            text = both[name].run(f"{script}.py", arguments_of(script, events))
            figures[name].append(READERS[script](text))
            print(".", end="", flush=True)
    before, after = figures.values()  # in the order of `both`
    print(f"\n{script}, {rounds} rounds, working tree / {next(iter(both))}")
    for case, measure in before[0]:
        print(f"  {case:32}{measure:16}{ratio(before, after, (case, measure))}")


def ratio(before: list[Figures], after: list[Figures], key: tuple[str, str]) -> str:
    """The ratio of the medians, and the smallest and largest of the rounds' own."""
    if any(key not in each for each in after) or not all(each[key] for each in before):
        return "not measured on both sides"
    pairs = [new[key] / old[key] for old, new in zip(before, after, strict=True)]
    medians = [statistics.median(each[key] for each in runs) for runs in (after, before)]
    return f"{medians[0] / medians[1]:8.2f}   ({min(pairs):.2f} to {max(pairs):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("revision", help="what git calls it: a commit, a tag, a branch")
    parser.add_argument("--only", nargs="+", choices=list(READERS), default=list(READERS))
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    with sides(given.revision) as both:
        for each in both.values():
            check(each)
        for script in given.only:
            compare(script, both, given.rounds, given.events)


if __name__ == "__main__":
    main()
