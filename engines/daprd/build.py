"""Build the real daprd as an ordinary dependency of the Go module in this folder.

One thing stands in the way of a plain `go build`: daprd's package of components cannot be chosen from by
build tags. With none, its file for that case panics at start, and any other tag brings in the client of every
cloud. So Dapr's module is copied out of Go's read-only cache, that file is emptied in the copy, and
components.go registers its components itself.

On Linux the parts of Dapr's control plane are in it too: most of what they are made of is compiled for daprd
anyway.

To move to another Dapr, choose versions of it and of components-contrib that Go's module proxy has, and in
this folder, with GONOSUMDB='github.com/dapr/*': `go get github.com/dapr/dapr@…`, likewise the other one, and
`go mod tidy`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from engines.cache import folder_of
from engines.golang import Go, build_into, copy_module, executable_name

DAPR = "github.com/dapr/dapr"
HERE = Path(__file__).resolve().parent
MODULE = ("go.mod", "go.sum", "main.go", "components.go", "control_plane_linux.go")
INPUTS = (*MODULE, "build.py")
NO_TAGS_FILE = Path("cmd", "daprd", "components", "zz_notag.go")


def executable(root: Path) -> Path:
    """Where the clone at `root` keeps the daprd of the present inputs: others are in other folders."""
    return place(root, "daprd", INPUTS)


def place(root: Path, name: str, inputs: Sequence[str]) -> Path:
    """Where the clone at `root` keeps the executable `name` made of these files of this folder."""
    return folder_of(root, name, [HERE / file for file in inputs]) / executable_name(name)


def built(root: Path) -> Path | None:
    """The daprd of the present inputs, if it was built already."""
    return executable(root) if executable(root).is_file() else None


def build(root: Path, environment: Mapping[str, str]) -> Path:
    """Build daprd and return it. Needs Go and its module proxy. Raises EngineProblem."""
    return build_into(executable(root), environment, compile_in)


def compile_in(work: Path, name: str, go: Go) -> None:
    """Build the executable `name` in the folder `work`, which is empty."""
    version = unpack(work, go)
    (work / "dapr" / NO_TAGS_FILE).write_text("package components\n", encoding="utf-8")
    go(["mod", "edit", f"-replace={DAPR}=./dapr"], work)
    flags = f"-s -w -X {DAPR}/pkg/buildinfo.version={version}"
    go(["build", "-mod=readonly", f"-ldflags={flags}", "-o", name, "."], work)


def unpack(work: Path, go: Go) -> str:
    """Lay out this module in `work` and Dapr's in `work/dapr`: the version of Dapr, as "1.18.1"."""
    folder, version = download(work, go)
    copy_module(folder, work / "dapr")
    return version


def download(work: Path, go: Go) -> tuple[Path, str]:
    """Lay out this module in `work`: where Go keeps Dapr's module, which is not to be written to, and its
    version, as "1.18.1"."""
    for file in MODULE:
        shutil.copyfile(HERE / file, work / file)
    module = json.loads(go(["mod", "download", "-json", DAPR], work))
    return Path(module["Dir"]), str(module["Version"]).removeprefix("v")
