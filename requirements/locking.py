"""Makes the constraints files by uv: one file for every Python and platform, by markers where they differ.

Nothing but names, versions and markers goes into a file: no address of an index, no path.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

__all__ = ["PLATFORMS", "PYTHONS", "Unresolvable", "as_uv", "lock", "lowest"]

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = (
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
)
EVERYTHING = ("pyproject.toml", "--all-extras", "--group", "dev", "--group", "docs", "--group", "lock")


class Unresolvable(Exception):
    """No versions fit together, or one has no wheel; the message is uv's own."""


def lock(root: Path, python: Path, environment: Mapping[str, str], target: Path, upgrade: bool) -> None:
    """Write the versions that the tests run with to `target`, a constraints file of pip.

    `python` has uv. What `target` names already stays unless `upgrade`, or pyproject.toml no longer allows
    it. Raises Unresolvable, also where a Python or platform would have to compile something.
    """
    newest = ["--upgrade"] if upgrade else []
    _compile(root, python, environment, [*EVERYTHING, "--universal", *newest, "--output-file", str(target)])
    for each in PYTHONS:
        for platform in PLATFORMS:
            _need_wheels(root, python, environment, target, each, platform)


def lowest(root: Path, python: Path, environment: Mapping[str, str], target: Path, version: str) -> None:
    """Write the oldest versions that the package itself allows on Python `version` to `target`.

    What the package asks for is at its lower bound, and what that brings is the newest that fits. The tools
    of the development group are not in it. `python` has uv. Raises Unresolvable.
    """
    oldest = ["--resolution", "lowest-direct", "--python-version", version, "--output-file", str(target)]
    _compile(root, python, environment, ["pyproject.toml", "--all-extras", *oldest])


def _need_wheels(
    root: Path, python: Path, environment: Mapping[str, str], target: Path, version: str, platform: str
) -> None:
    wanted = ["--no-build", "--python-version", version, "--python-platform", platform]
    _compile(
        root,
        python,
        environment,
        [*EVERYTHING, *wanted, "--constraint", str(target), "--output-file", os.devnull],
    )


def _compile(root: Path, python: Path, environment: Mapping[str, str], arguments: list[str]) -> None:
    header = ["--custom-compile-command", "python3 dev.py lock"]
    quiet = ["--quiet", "--no-annotate", "--no-python-downloads"]
    command = [str(python), "-m", "uv", "pip", "compile", *quiet, *header, *arguments]
    done = subprocess.run(
        command,
        cwd=root,
        env=_with_index_of_pip(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise Unresolvable(done.stdout.strip())


def as_uv(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment`, in which uv asks the index that pip is told to ask, and keeps to its constraints."""
    constraint = environment.get("PIP_CONSTRAINT")
    return {**({"UV_CONSTRAINT": constraint} if constraint else {}), **_with_index_of_pip(environment)}


def _with_index_of_pip(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment`, in which uv asks the index that pip is told to ask."""
    index = environment.get("PIP_INDEX_URL")
    return {**({"UV_DEFAULT_INDEX": index} if index else {}), **environment}
