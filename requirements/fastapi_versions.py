"""The tests with FastAPI's last minor versions, each in an environment of its own, made by uv."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["BEHIND", "TESTS", "FastAPIProblem", "last_minors", "tried_with", "without"]

BEHIND = (0, 1, 2)
"""How many minor versions before the newest each is."""
TESTS = ("tests/unit", "tests/typing")
FREE = ("fastapi", "starlette")
"""What is not kept to the constraints: which Starlette there is, FastAPI says."""


class FastAPIProblem(Exception):
    """The versions could not be found or installed; the message says what to do."""


def last_minors(listing: str, count: int) -> list[str]:
    """The newest `count` minor versions ("0.165") in what `pip index versions` says, the newest first.

    Raises FastAPIProblem where there are fewer.
    """
    found = re.search(r"^Available versions: (.+)$", listing, re.MULTILINE)
    versions = found[1].split(", ") if found else []
    minors = dict.fromkeys(".".join(version.split(".")[:2]) for version in versions)
    if len(minors) < count:
        raise FastAPIProblem("the package index does not tell which versions of FastAPI there are; try again")
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

    `python` is that of the clone's environment, which has pip and uv. Raises FastAPIProblem.
    """
    outcomes = {}
    for minor, own in _environments(root, python, environment, behind, say):
        say(f"FastAPI {minor}: the tests")
        command = [str(own), "-m", "pytest", *(rest or (*TESTS, "-q"))]
        outcomes[minor] = subprocess.call(command, cwd=root, env=dict(environment))
    for minor, code in outcomes.items():
        say(f"{'FAILED' if code else 'passed'} with FastAPI {minor}")
    return int(any(outcomes.values()))


def _environments(
    root: Path,
    python: Path,
    environment: Mapping[str, str],
    behind: Sequence[int],
    say: Callable[[str], None],
) -> Iterator[tuple[str, Path]]:
    """Each version, and the Python that has it."""
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
        say(f"FastAPI {minor}: making an environment")
        venv = folder / minor
        own = venv / python.parent.name / python.name
        packages = ["--editable", ".[dashboard,grpc,sql]", "--group", "dev", f"fastapi=={minor}.*"]
        for words in (
            ["venv", "--quiet", "--clear", "--python", str(python), str(venv)],
            ["pip", "install", "--quiet", "--python", str(own), "--constraint", str(kept_to), *packages],
        ):
            if subprocess.call([str(python), "-m", "uv", *words], cwd=root, env=_plain(environment)) != 0:
                raise FastAPIProblem(f"FastAPI {minor} could not be installed; uv's own message stands above")
        yield minor, own


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Without the constraints that each pip is to keep to, which name FastAPI, too."""
    constraints = ("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT", "UV_CONSTRAINT")
    return {name: value for name, value in environment.items() if name not in constraints}
