"""The images of the to-do system, built from its own Containerfiles, again whenever their files change."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from engines.cache import remove_all_but, remove_outdated
from engines.cluster import base
from engines.cluster.build import BASE, home_of, required, store, unpacked
from engines.cluster.images import bases_in, name_in, stages_in
from engines.cluster.programs import locked, run
from engines.cluster.unpacking import blobs_in
from engines.problem import EngineProblem

DEPLOYED = Path("deploy", "kubernetes")
CONSTRAINTS = Path("requirements", "constraints.txt")
EXTRAS = re.compile(r'"?\.\[([\w,]+)\]"?')
"""The extras in `pip install ".[postgres]"`."""
TARGETS = ("manylinux2014_x86_64", "manylinux_2_28_x86_64")
IMAGES = Path(".engines", "cluster-images")
STAGES = "outboard.test/stage"
KEPT = 3
"""Images of how many states of the files are kept."""
Say = Callable[[str], None]


def containerfiles(root: Path) -> list[Path]:
    """The Containerfiles of the to-do system."""
    return sorted((root / DEPLOYED).glob("*.Containerfile"))


@contextmanager
def being_built(root: Path, say: Say) -> Iterator[Future[Path]]:
    """The images as `layout` gives them, which come while the block does other things. What nobody needs
    any more is removed behind them, and the end of the block waits for that."""
    with ThreadPoolExecutor(1) as threads:
        images = threads.submit(layout, root, say)
        tidied = threads.submit(_tidy, root)
        yield images
    tidied.result()


def layout(root: Path, say: Say) -> Path:
    """A folder in OCI's layout with the product's images as its files are now, without the blobs that a
    cluster has from its start. Where the files have changed they are built first. Raises EngineProblem."""
    home = required(root)
    target = _folder(root) / "layout"
    with locked(home.parent / "lock"):
        if not target.is_dir():
            say("building the images of the to-do system from their Containerfiles (half a minute)")
            _build(root, home, target)
        os.utime(target.parent)
    return target


def _tidy(root: Path) -> None:
    """Remove what was built before of files that have changed since."""
    home = required(root)
    with locked(home.parent / "lock"):
        if remove_all_but(KEPT, root / IMAGES, time.time()):
            store(root).prune()


def _folder(root: Path) -> Path:
    """Where the images of the product's present files are kept."""
    content = hashlib.sha256(str(home_of(root)).encode())
    for file in context_files(root):
        content.update(f"{file.relative_to(root)}\0".encode() + file.read_bytes())
    return root / IMAGES / content.hexdigest()[:12]


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
    _stand_in(root, wheels)
    for file in containerfiles(root):
        text = file.read_text("utf-8")
        name = name_in(text)
        if not name:
            raise EngineProblem(
                f"{file}: no line `# docker build -f … -t NAME …` says what its image is called"
            )
        for stage in stages_in(text):  # it has a name, so that `prune` leaves it
            images.build(file, root, [f"{STAGES}:{file.stem}-{stage}"], wheels, stage)
        images.build(file, root, [name], wheels)
        names.append(name)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="work-") as made:
        images.export(names, Path(made, "layout"), blobs_in(unpacked(home)))
        Path(made, "layout").replace(target)


def _stand_in(root: Path, wheels: Path) -> None:
    """Give the stand-in the names that the Containerfiles start from, labelled with the packages that pip
    finds. buildah sees no change in what is mounted; by the label it takes no layer of older packages."""
    names = {each for file in containerfiles(root) for each in bases_in(file.read_text("utf-8"))}
    with tempfile.TemporaryDirectory() as made:
        file = Path(made, "Containerfile")
        file.write_text(f"FROM {BASE}\nLABEL packages={wheels.parent.name}\n", encoding="utf-8")
        store(root).build(file, Path(made), sorted(names))


def _wheels(root: Path) -> Path:
    """The folder of the packages that the Containerfiles install, in the versions of the constraints file."""
    asked = requirements(root)
    told = [(root / CONSTRAINTS).read_text("utf-8"), base.PYTHON, platform.machine(), *TARGETS, *asked]
    folder = root / ".engines" / "cluster-wheels" / hashlib.sha256("\0".join(told).encode()).hexdigest()[:12]
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
