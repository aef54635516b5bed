"""The images of the to-do system, built from its own Containerfiles, again whenever their files change."""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable
from pathlib import Path

from engines.cache import folder_of, remove_outdated
from engines.cluster import base
from engines.cluster.build import BASE, built, home_of, store, unpacked
from engines.cluster.images import bases_in, name_in
from engines.cluster.programs import locked, run
from engines.cluster.unpacking import unpack
from engines.problem import EngineProblem

DEPLOYED = Path("deploy", "kubernetes")
CONSTRAINTS = Path("requirements", "constraints.txt")
EXTRAS = re.compile(r'"?\.\[([\w,]+)\]"?')
"""The extras in `pip install ".[postgres]"`."""
TARGETS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
Say = Callable[[str], None]


def containerfiles(root: Path) -> list[Path]:
    """The Containerfiles of the to-do system."""
    return sorted((root / DEPLOYED).glob("*.Containerfile"))


def containerd_root(root: Path, say: Say) -> Path:
    """The root of a containerd that has all images of a cluster, the product's as its files are now.

    Where they have changed they are built first. Raises EngineProblem.
    """
    home = built(root)
    if home is None:
        raise EngineProblem("the engine `cluster` is not set up: python3 dev.py engines cluster")
    target = _folder(root) / "containerd"
    with locked(home.parent / "lock"):
        if not target.is_dir():
            say("building the images of the to-do system from their Containerfiles (a minute)")
            _build(root, home, target)
    remove_outdated(root, "cluster-images", target, time.time())
    return target


def _folder(root: Path) -> Path:
    """Where the images of the product's present files are kept."""
    content = hashlib.sha256(str(home_of(root)).encode())
    for file in context_files(root):
        content.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return root / ".engines" / "cluster-images" / content.hexdigest()[:12]


def context_files(root: Path) -> list[Path]:
    """The files of the clone that the images are made of."""
    listed = (root / ".dockerignore").read_text("utf-8").splitlines()
    taken = [root / line.removeprefix("!") for line in listed if line.startswith("!")]
    inside = [
        each
        for place in taken
        for each in (place.rglob("*") if place.is_dir() else [place])
        if each.is_file() and "__pycache__" not in each.parts and ".db" not in each.name
    ]
    return sorted([*inside, root / ".dockerignore", root / CONSTRAINTS, *containerfiles(root)])


def _build(root: Path, home: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    wheels = _wheels(root)
    images, names = store(root), []
    for file in containerfiles(root):
        name = name_in(file.read_text("utf-8"))
        if not name:
            raise EngineProblem(
                f"{file}: no line `# docker build -f … -t NAME …` says what its image is called"
            )
        images.tag(BASE, bases_in(file.read_text("utf-8")))
        images.build(file, root, [name], wheels)
        names.append(name)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="work-") as made:
        work = Path(made)
        images.export(names, work / "layout")
        unpack(work / "layout", target, unpacked(home), work)
    images.prune()


def _wheels(root: Path) -> Path:
    """The folder of the packages that the Containerfiles install, in the versions of the constraints file."""
    asked = requirements(root)
    inputs = [root / CONSTRAINTS, root / "pyproject.toml", Path(__file__), *containerfiles(root)]
    folder = folder_of(root, "cluster-wheels", inputs)
    if not (folder / "wheels").is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix="work-") as made:
            work = Path(made)
            log = folder / "pip.log"
            run([sys.executable, "-m", "venv", str(work / "venv")], log)
            command = [str(work / "venv" / "bin" / "python"), "-m", "pip", "download", "--quiet"]
            target = ["--only-binary=:all:", f"--python-version={base.PYTHON}"]
            target += [f"--platform={each}" for each in TARGETS]
            kept_to = ["-c", str(root / CONSTRAINTS)]
            run([*command, *target, *kept_to, "-d", str(work / "wheels"), *asked], log)
            (work / "wheels").replace(folder / "wheels")
    remove_outdated(root, "cluster-wheels", folder, time.time())
    return folder / "wheels"


def requirements(root: Path) -> list[str]:
    """What pip is asked for by the Containerfiles: the product's own requirements and those to build it."""
    content = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    project, wanted = content["project"], [*content["build-system"]["requires"]]
    wanted += project["dependencies"]
    for file in containerfiles(root):
        for found in EXTRAS.finditer(file.read_text("utf-8")):
            for extra in found[1].split(","):
                wanted += project["optional-dependencies"][extra]
    return list(dict.fromkeys(wanted))
