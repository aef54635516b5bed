"""Building programs with Go, each into a folder of `.engines` that it appears in only once it is whole."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from engines.problem import EngineProblem

UNLISTED = "github.com/dapr/*"
"""Modules of which Go's checksum database lacks some versions. It is not asked for them; go.sum pins them."""


class Go:
    """The go command, with its messages in a log of its own: it prints hundreds of lines."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        unlisted = ",".join(filter(None, [environment.get("GONOSUMDB", ""), UNLISTED]))
        self._log = log
        # Our folders have new names each time: without them what was compiled before is good still.
        flags = " ".join(filter(None, [environment.get("GOFLAGS", ""), "-trimpath"]))
        ours = {"GONOSUMDB": unlisted, "GOWORK": "off", "CGO_ENABLED": "0", "GOFLAGS": flags}
        self._environment = {**environment, **ours}
        log.write_bytes(b"")

    def __call__(self, arguments: Sequence[str], folder: Path) -> str:
        """What `go arguments` prints to standard output. Raises EngineProblem with the end of the log."""
        with self._log.open("ab") as log:
            done = subprocess.run(
                ["go", *arguments],
                cwd=folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                check=False,
            )
        if done.returncode != 0:
            lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise EngineProblem(
                "\n".join([f"`go {arguments[0]}` failed; the end of {self._log}:", *lines[-15:]])
            )
        return done.stdout.decode("utf-8")


Compile: TypeAlias = Callable[[Path, str, Go], None]
"""Builds the file or folder of a name in an empty folder."""


def build_into(target: Path, environment: Mapping[str, str], compile: Compile) -> Path:
    """Have `compile` make `target`, which appears only once it is whole. Raises EngineProblem."""
    if shutil.which("go", path=environment.get("PATH")) is None:
        raise EngineProblem(
            "building it needs Go 1.21 or newer: https://go.dev/dl/, or brew install go, "
            "or winget install GoLang.Go"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    go = Go(target.parent / "build.log", environment)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="work-") as work:
        compile(Path(work), target.name, go)
        Path(work, target.name).replace(target)
    return target


def executable_name(name: str) -> str:
    """The file name of the program `name` on this platform."""
    return f"{name}.exe" if os.name == "nt" else name


def copy_module(source: Path, target: Path) -> None:
    """Copy a module out of Go's cache, whose files and folders cannot be written to."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(target):
        os.chmod(folder, stat.S_IRWXU)
