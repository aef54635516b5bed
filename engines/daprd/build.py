"""Build the real daprd as an ordinary dependency of the Go module in this folder.

Two things stand in the way of a plain `go build`:

- daprd's package of components cannot be chosen from by build tags: with none, its file for that case
  panics at start, and any other tag brings in the client of every cloud. So Dapr's module is copied out of
  Go's read-only cache, that file is emptied in the copy, and main.go registers its components itself.
- Go's checksum database lacks some versions of Dapr's modules. It is not asked for them; go.sum pins them.

To move to another Dapr, choose versions of it and of components-contrib that Go's module proxy has, and in
this folder, with GONOSUMDB='github.com/dapr/*': `go get github.com/dapr/dapr@…`, likewise the other one, and
`go mod tidy`.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from engines.problem import EngineProblem

DAPR = "github.com/dapr/dapr"
HERE = Path(__file__).resolve().parent
MODULE = ("go.mod", "go.sum", "main.go")
INPUTS = (*MODULE, "build.py")
NO_TAGS_FILE = Path("cmd", "daprd", "components", "zz_notag.go")


def executable(root: Path) -> Path:
    """Where the clone at `root` keeps the daprd of the present inputs: others are in other folders."""
    return place(root, "daprd", INPUTS)


def place(root: Path, name: str, inputs: Sequence[str]) -> Path:
    """Where the clone at `root` keeps the executable `name` made of these files of this folder."""
    content = b"\0".join((HERE / file).read_bytes() for file in inputs)
    target = f"{platform.system()}-{platform.machine()}"
    key = hashlib.sha256(content + target.encode()).hexdigest()[:12]
    return root / ".engines" / name / key / (f"{name}.exe" if os.name == "nt" else name)


def built(root: Path) -> Path | None:
    """The daprd of the present inputs, if it was built already."""
    return executable(root) if executable(root).is_file() else None


def build(root: Path, environment: Mapping[str, str]) -> Path:
    """Build daprd and return it. Needs Go and its module proxy. Raises EngineProblem."""
    return build_into(executable(root), environment, compile_in)


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


class Go:
    """The go command, with its messages in a log of its own: it prints hundreds of lines."""

    def __init__(self, log: Path, environment: Mapping[str, str]) -> None:
        unlisted = [environment.get("GONOSUMDB", ""), "github.com/dapr/*"]
        self._log = log
        self._environment = {**environment, "GONOSUMDB": ",".join(filter(None, unlisted)), "GOWORK": "off"}
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
"""Builds the executable of a name in an empty folder."""


def compile_in(work: Path, name: str, go: Go) -> None:
    """Build the executable `name` in the folder `work`, which is empty."""
    version = unpack(work, go)
    (work / "dapr" / NO_TAGS_FILE).write_text("package components\n", encoding="utf-8")
    go(["mod", "edit", f"-replace={DAPR}=./dapr"], work)
    flags = f"-s -w -X {DAPR}/pkg/buildinfo.version={version}"
    go(["build", "-mod=readonly", f"-ldflags={flags}", "-o", name, "."], work)


def unpack(work: Path, go: Go) -> str:
    """Lay out this module in `work` and Dapr's in `work/dapr`: the version of Dapr, as "1.18.1"."""
    for file in MODULE:
        shutil.copyfile(HERE / file, work / file)
    module = json.loads(go(["mod", "download", "-json", DAPR], work))
    copy_module(Path(module["Dir"]), work / "dapr")
    return str(module["Version"]).removeprefix("v")


def copy_module(source: Path, target: Path) -> None:
    """Copy a module out of Go's cache, whose files and folders cannot be written to."""
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    for folder, _, _ in os.walk(target):
        os.chmod(folder, stat.S_IRWXU)
