"""Build what a cluster is made of, but for the product's own images, which change with every commit.

The programs are those of the engines `kubernetes` and `daprd`, the jars those of `kafka`.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from engines.cache import folder_of
from engines.cluster import base, machine
from engines.cluster.images import Store, full_name
from engines.cluster.programs import locked, run
from engines.cluster.unpacking import unpack
from engines.daprd import build as daprd
from engines.golang import Go
from engines.kafka import build as kafka
from engines.kafka.broker import jars
from engines.kubernetes import build as kubernetes
from engines.problem import EngineProblem

HERE = Path(__file__).resolve().parent
IMAGES = HERE / "images"
OWN = ("build.py", "base.py", "images.py", "unpacking.py", "pause/go.mod", "pause/main.go")
BASE = "outboard.test/base:latest"
PAUSE = "outboard.test/pause:1"
REGISTRY = "outboard.test/dapr"
"""Names below `test` belong to nobody (RFC 2606), so no other image can be meant."""
CONTROL_PLANE = ("injector", "operator", "placement", "sentry")
STAND_INS: Mapping[str, str] = {"apache/kafka:4.3.1": "kafka", "redis:7.4-alpine": "redis"}
"""Images that the manifests name → the Containerfile here that stands in for it."""
CHART = Path("charts", "dapr")


def home_of(root: Path) -> Path:
    """Where the clone at `root` keeps what is built of the present inputs."""
    files = [HERE / name for name in OWN] + sorted(each for each in IMAGES.rglob("*") if each.is_file())
    programs = [daprd.HERE / name for name in daprd.INPUTS]
    return folder_of(root, "cluster", [*files, *kubernetes.INPUTS, *programs, *kafka.INPUTS]) / "cluster"


def built(root: Path) -> Path | None:
    """What was built of the present inputs, if it is there and this machine has the programs to run it."""
    home = home_of(root)
    found = all(shutil.which(name) for name in machine.TOOLS)
    return home if found and home.is_dir() and kubernetes.built(root) is not None else None


def required(root: Path) -> Path:
    """As `built`. Raises EngineProblem where it is not there."""
    home = built(root)
    if home is None:
        raise EngineProblem("the engine `cluster` is not set up: python3 dev.py engines cluster")
    return home


def store(root: Path) -> Store:
    """The images of the clone at `root`."""
    folder = home_of(root).parent
    return Store(folder / "store", folder / "images.log")


def unpacked(home: Path) -> Path:
    """The root of a containerd that has all of its images."""
    return home / "containerd"


def dapr_manifests(home: Path) -> Path:
    """What Dapr's chart makes."""
    return home / "dapr.yaml"


def build(root: Path, environment: Mapping[str, str]) -> Path:
    """Build everything and return its folder. Needs Go, Maven and Debian's archive. Raises EngineProblem."""
    missing = machine.what_is_missing()
    if missing:
        raise EngineProblem(missing)
    kube = kubernetes.built(root) or kubernetes.build(root, environment)
    sidecar = daprd.built(root) or daprd.build(root, environment)
    broker = kafka.built(root) or kafka.build(root, environment)
    home = home_of(root)
    with locked(home.parent / "lock"):
        if not home.is_dir():
            _assemble(root, home, kube, sidecar, broker, environment)
    return home


def _assemble(
    root: Path, home: Path, kube: Path, sidecar: Path, broker: Path, environment: Mapping[str, str]
) -> None:
    """Make `home` of what is built; it appears only once it is whole."""
    with tempfile.TemporaryDirectory(dir=home.parent, prefix="work-") as made:
        work = Path(made)
        part = work / home.name
        part.mkdir()
        version = _render_chart(kubernetes.program(kube), part, work, environment)
        names = _build_images(root, work, sidecar, broker, version, environment)
        layout = work / "layout"
        store(root).export(names, layout)
        unpack(layout, unpacked(part), work)
        part.replace(home)


def _render_chart(program: Path, home: Path, work: Path, environment: Mapping[str, str]) -> str:
    """Write what Dapr's chart makes into `home`; the version of Dapr, as "1.18.1"."""
    module = work / "dapr-module"
    module.mkdir()
    dapr, version = daprd.download(module, Go(work / "go.log", environment))
    values = work / "values.yaml"
    values.write_text(json.dumps(chart_values(version)), encoding="utf-8")
    command = [str(program), "render", str(dapr / CHART), "dapr-system", "dapr", str(values)]
    run(command, work / "render.log", output=dapr_manifests(home))
    return version


def chart_values(version: str) -> dict[str, object]:
    """What is set of Dapr's chart: where its images are, and no scheduler, which cannot be built here (see
    `daprd/control_plane_linux.go`). All else is as it comes, mutual TLS included. Pure."""
    images = {"registry": REGISTRY, "tag": version, "imagePullPolicy": "Never"}
    return {
        "global": {**images, "scheduler": {"enabled": False}},
        "dapr_sidecar_injector": {"sidecarImagePullPolicy": "Never"},
    }


def _build_images(
    root: Path, work: Path, sidecar: Path, broker: Path, version: str, environment: Mapping[str, str]
) -> list[str]:
    """Build all images but the product's own; the names of those that pods run."""
    images, context = store(root), work / "context"
    context.mkdir()
    os.link(base.make(root), context / "base.tar")
    images.build(IMAGES / "base.Containerfile", context, [BASE])

    dapr = work / "dapr"
    dapr.mkdir()
    shutil.copy(sidecar, dapr / "daprd")
    for name in CONTROL_PLANE:
        (dapr / name).symlink_to("daprd")
    parts = [f"{REGISTRY}/{name}:{version}" for name in ("daprd", *CONTROL_PLANE)]
    images.build(IMAGES / "dapr.Containerfile", dapr, parts)

    kafka_files = work / "kafka"
    shutil.copytree(jars(broker), kafka_files / "lib")
    shutil.copytree(IMAGES / "kafka", kafka_files / "bin")
    stand_ins = {full_name(name): file for name, file in STAND_INS.items()}
    for name, file in stand_ins.items():
        images.build(IMAGES / f"{file}.Containerfile", kafka_files, [name])

    pause = work / "pause"
    pause.mkdir()
    go = Go(work / "go.log", environment)
    go(["build", "-ldflags=-s -w", "-o", str(pause / "pause"), "."], HERE / "pause")
    images.build(IMAGES / "pause.Containerfile", pause, [PAUSE])
    return [*parts, *stand_ins, PAUSE]
