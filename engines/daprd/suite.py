"""Build daprd's own integration suite, a test binary of the same module as daprd, at the same version.

It starts the sidecar that DAPR_INTEGRATION_DAPRD_PATH names, with daprd's flags, once for each of its cases,
and needs nothing of its sources when it runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engines.daprd.build import place, unpack
from engines.golang import Go, build_into

INPUTS = ("go.mod", "go.sum", "build.py", "suite.py")
PACKAGE = "./tests/integration"


def executable(root: Path) -> Path:
    """Where the clone at `root` keeps the suite of the present inputs."""
    return place(root, "daprd-suite", INPUTS)


def built(root: Path) -> Path | None:
    """The suite of the present inputs, if it was built already."""
    return executable(root) if executable(root).is_file() else None


def build(root: Path, environment: Mapping[str, str]) -> Path:
    """Build the suite and return it. Needs Go and its module proxy. Raises EngineProblem."""
    return build_into(executable(root), environment, compile_in)


def compile_in(work: Path, name: str, go: Go) -> None:
    """Build the test binary `name` in the folder `work`, which is empty."""
    unpack(work, go)
    target = str(work / name)
    go(["test", "-c", "-tags=integration", "-ldflags=-s -w", "-o", target, PACKAGE], work / "dapr")
