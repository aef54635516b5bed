"""What containerd makes of images is kept, and a cluster takes hard links to it: a second instead of ten."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from engines.cluster.programs import run

ALONE = ("unshare", "--mount", "--net", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc")
IMPORT = """
set -eu
mount -t tmpfs tmpfs /run
containerd --config "$1" & pid=$!
for _ in $(seq 300); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
tar -C "$2" -c . | ctr -n k8s.io images import -
kill -TERM $pid
wait $pid || true
"""
CONFIGURATION = """version = 2
root = "{root}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
"""


def unpack(layout: Path, target: Path, work: Path) -> None:
    """Make `target`, the root of a containerd that has the images of `layout`, a folder in OCI's layout. It
    appears only once it is whole; `work` is a folder to do it in, on the same disk. Raises EngineProblem.
    """
    part = work / "root"
    configuration = work / "containerd.toml"
    configuration.write_text(CONFIGURATION.format(root=part), encoding="utf-8")
    run([*ALONE, "sh", "-c", IMPORT, "import", str(configuration), str(layout)], work / "unpack.log")
    target.parent.mkdir(parents=True, exist_ok=True)
    part.replace(target)


def blobs_in(root: Path) -> Path:
    """The folder of the blobs that `root`, the root of a containerd, has, each under its digest."""
    return root / "io.containerd.content.v1.content" / "blobs" / "sha256"


def snapshots_in(root: Path) -> Path:
    """The folder of what is unpacked in `root`, the root of a containerd."""
    return root / "io.containerd.snapshotter.v1.overlayfs" / "snapshots"


def link(root: Path, target: Path) -> None:
    """Make `target` like `root`, the root of a containerd at rest, as hard links where files do not change.

    Layers and blobs are never written in place; the databases are, and are copied.
    """
    shutil.copytree(root, target, copy_function=_link_or_copy, symlinks=True)


def _link_or_copy(source: str, target: str) -> None:
    if source.endswith(".db"):
        shutil.copyfile(source, target)
    else:
        os.link(source, target, follow_symlinks=False)
