"""The tests with FastAPI's last minor versions, each in an environment of its own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from requirements.trials import Trial, TrialProblem, tried

__all__ = ["BEHIND", "last_minors", "tried_with", "without"]

BEHIND = (0, 1, 2)
"""How many minor versions before the newest each is."""
FREE = ("fastapi", "starlette")
"""What is not kept to the constraints: which Starlette there is, FastAPI says."""


def last_minors(listing: str, count: int) -> list[str]:
    """The newest `count` minor versions ("0.165") in what `pip index versions` says, the newest first.

    Raises TrialProblem where there are fewer.
    """
    found = re.search(r"^Available versions: (.+)$", listing, re.MULTILINE)
    versions = found[1].split(", ") if found else []
    minors = dict.fromkeys(".".join(version.split(".")[:2]) for version in versions)
    if len(minors) < count:
        raise TrialProblem("the package index does not tell which versions of FastAPI there are; try again")
    newest = sorted(minors, key=lambda minor: tuple(map(int, minor.split("."))), reverse=True)
    return newest[:count]


def without(constraints: str, names: Sequence[str]) -> str:
    """A constraints file without the lines about `names`."""
    kept = [line for line in constraints.splitlines() if re.split(r"[=<>~! ;\[]", line)[0] not in names]
    return "\n".join(kept) + "\n"


def tried_with(
    root: Path,
    python: Path,
    environment: Mapping[str, str],
    behind: Sequence[int],
    rest: Sequence[str],
    say: Callable[[str], None],
) -> int:
    """Run the tests (`rest` goes to pytest) with the versions so far `behind` the newest: 1 if one failed.

    `python` is that of the clone's environment, which has pip and uv. Raises TrialProblem.
    """
    return tried(root, python, environment, _trials(root, python, environment, behind), rest, say)


def _trials(
    root: Path, python: Path, environment: Mapping[str, str], behind: Sequence[int]
) -> Iterator[Trial]:
    asked = [str(python), "-m", "pip", "index", "versions", "fastapi"]
    listing = subprocess.run(
        asked, env=dict(environment), capture_output=True, text=True, encoding="utf-8", check=False
    )
    minors = last_minors(listing.stdout, max(behind) + 1)
    folder = python.parent.parent / "fastapi"
    folder.mkdir(exist_ok=True)
    kept_to = folder / "constraints.txt"
    constraints = (root / "requirements" / "constraints.txt").read_text(encoding="utf-8")
    kept_to.write_text(without(constraints, FREE), encoding="utf-8")
    for minor in [minors[each] for each in behind]:
        yield Trial(f"FastAPI {minor}", folder / minor, python, kept_to, (f"fastapi=={minor}.*",))
