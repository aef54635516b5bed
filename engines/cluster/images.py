"""Images without Docker, a registry or the network: buildah of Debian runs Containerfiles as they are.

It runs their commands in a mere chroot, which needs no container runtime, and keeps each layer in a store, so
that a second build takes only what has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engines.cluster.programs import APART, run

BUILD = re.compile(r"^# *docker build -f (?P<file>\S+) -t (?P<name>\S+) (?P<context>\S+)$", re.MULTILINE)
"""How an image is built, as the head of its Containerfile says."""
FROM = re.compile(r"^FROM (?P<name>\S+)(?: AS (?P<stage>\S+))?$", re.MULTILINE | re.IGNORECASE)
DIGEST = re.compile(r"[0-9a-f]{64}")
"""The name of a layer or a configuration in a folder of the transport `dir:`."""
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def full_name(name: str) -> str:
    """The name of an image as the runtime knows it: `redis:7` is `docker.io/library/redis:7`. Pure.

    As the reference grammar of distribution/reference, without digests.
    """
    host, slash, _ = name.partition("/")
    if not slash:
        name = f"docker.io/library/{name}"
    elif not ("." in host or ":" in host or host == "localhost"):
        name = f"docker.io/{name}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def name_in(containerfile: str) -> str:
    """The name that a Containerfile's own head gives its image, in full; empty if it gives none. Pure."""
    found = BUILD.search(containerfile)
    return full_name(found["name"]) if found else ""


def stages_in(containerfile: str) -> list[str]:
    """The stages of a Containerfile, by name, that another one of it starts from. Pure."""
    used = {each["name"] for each in FROM.finditer(containerfile)}
    return [each["stage"] for each in FROM.finditer(containerfile) if each["stage"] in used]


def bases_in(containerfile: str) -> list[str]:
    """The images, in full, that a Containerfile starts from, its own stages left out. Pure."""
    found = [(each["name"], each["stage"]) for each in FROM.finditer(containerfile)]
    stages = {stage for _, stage in found}
    return sorted({full_name(name) for name, _ in found if name not in stages and name != "scratch"})


@dataclass(frozen=True)
class Store:
    """Where buildah keeps layers and images, for one process at a time. `log` has what buildah says."""

    folder: Path
    log: Path

    def build(
        self, file: Path, context: Path, names: Sequence[str], wheels: Path | None = None, stage: str = ""
    ) -> None:
        """Build the image of a Containerfile, or of that `stage` of it, with the files of `context`, under
        all `names`; Python packages come from the folder `wheels`. Raises EngineProblem."""
        mounted = [f"--volume={wheels}:/wheels:ro"] if wheels else []
        target = [f"--target={stage}"] if stage else []
        tags = [f"--tag={name}" for name in names]
        options = ["--isolation=chroot", "--layers", "--pull-never", *mounted, *target, *tags]
        self._run(["build", *options, f"--file={file}", str(context)])

    def export(self, names: Sequence[str], folder: Path, there: Path | None = None) -> None:
        """Write the images `names` into a new folder, in the layout of OCI, without the blobs that the folder
        `there` has. They share their layers, which are not compressed: they are read once, here."""
        blobs = folder / "blobs" / "sha256"
        blobs.mkdir(parents=True)
        images = []
        for name in names:
            single = folder / "single"
            self._run(["push", "--format=oci", "--disable-compression", name, f"dir:{single}"])
            manifest = (single / "manifest.json").read_bytes()
            for file in single.iterdir():
                if DIGEST.fullmatch(file.name) and not (there and (there / file.name).is_file()):
                    file.replace(blobs / file.name)
            shutil.rmtree(single)
            (blobs / hashlib.sha256(manifest).hexdigest()).write_bytes(manifest)
            images.append((name, manifest))
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="utf-8")
        (folder / "index.json").write_text(json.dumps(index(images)), encoding="utf-8")

    def prune(self) -> None:
        """Remove what no image that has a name is made of: what was built before, and stages."""
        self._run(["rmi", "--prune"])

    def _run(self, arguments: Sequence[str]) -> None:
        # What it mounts is in a /run of its own: nothing is left when it is interrupted.
        own = ["--root", str(self.folder), "--runroot", "/run/buildah", "--storage-driver", "overlay"]
        script = 'mount -t tmpfs tmpfs /run && exec buildah "$@"'
        run([*APART, "sh", "-c", script, "buildah", *own, *arguments], self.log)


def index(images: Sequence[tuple[str, bytes]]) -> dict[str, object]:
    """The index of an OCI layout of images, name and manifest, with the name where containerd looks. Pure."""
    return {
        "schemaVersion": 2,
        "manifests": [
            {
                "mediaType": MANIFEST,
                "digest": f"sha256:{hashlib.sha256(manifest).hexdigest()}",
                "size": len(manifest),
                "annotations": {"io.containerd.image.name": name},
            }
            for name, manifest in images
        ],
    }
