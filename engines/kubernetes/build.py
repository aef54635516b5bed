"""Build the program of this folder, and put Dapr's custom resource definitions beside it.

To move to another Kubernetes 1.X.Y: in go.mod replace the versions `v0.A.B` of k8s.io modules by `v0.X.Y`,
that of k8s.io/kubernetes by `v1.X.Y`, then `go mod tidy` in this folder. CoreDNS and Helm, which the engine
`cluster` uses, must ask for modules of that Kubernetes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from engines.cache import folder_of
from engines.daprd import build as daprd
from engines.golang import Go, build_into, executable_name

HERE = Path(__file__).resolve().parent
MODULE = ("go.mod", "go.sum", "main.go", "serve.go", "parts_linux.go", "render_linux.go")
INPUTS = (*(HERE / file for file in (*MODULE, "build.py")), daprd.HERE / "go.mod")
DEFINITIONS = Path("charts", "dapr", "crds")
VERSION = "k8s.io/component-base/version"


def program(home: Path) -> Path:
    """The executable in the folder of the engine: `serve`, `kubectl` and others are its commands."""
    return home / executable_name("kubernetes")


def definitions(home: Path) -> Path:
    """The folder of Dapr's custom resource definitions, as its Helm chart installs them."""
    return home / "crds"


def home_of(root: Path) -> Path:
    """Where the clone at `root` keeps what is built of the present inputs."""
    return folder_of(root, "kubernetes", INPUTS) / "kubernetes"


def built(root: Path) -> Path | None:
    """The folder of the present inputs, if it was built already."""
    return home_of(root) if home_of(root).is_dir() else None


def build(root: Path, environment: Mapping[str, str]) -> Path:
    """Build everything and return its folder. Needs Go and its module proxy. Raises EngineProblem."""
    return build_into(home_of(root), environment, compile_in)


def compile_in(work: Path, name: str, go: Go) -> None:
    """Fill the folder `name` in `work`, which is empty."""
    source, target = work / "source", work / name
    source.mkdir()
    target.mkdir()
    for file in MODULE:
        shutil.copyfile(HERE / file, source / file)
    flags = f"-s -w {version_flags(go, source)}"
    output = str(program(target))
    go(["build", "-mod=readonly", f"-ldflags={flags}", "-o", output, "."], source)
    copy_definitions(work, target, go)


def version_flags(go: Go, source: Path) -> str:
    """The linker's flags that tell the program its version: without them no client can read it."""
    version = go(["list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes"], source).strip()
    major, minor, _ = version.removeprefix("v").split(".", 2)
    values = {"gitVersion": version, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return " ".join(f"-X {VERSION}.{name}={value}" for name, value in values.items())


def copy_definitions(work: Path, target: Path, go: Go) -> None:
    """Copy the definitions out of Dapr's module, of the version that daprd is built from."""
    dapr = work / "dapr"
    dapr.mkdir()
    module, _ = daprd.download(dapr, go)
    definitions(target).mkdir()
    for file in sorted((module / DEFINITIONS).glob("*.yaml")):
        shutil.copyfile(file, definitions(target) / file.name)
