"""A new service written into a folder, with its manifests."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import distribution, version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Final

from outboard.errors import CommandError
from outboard.manifests.assembling import ManifestOptions
from outboard.manifests.reading import read_system
from outboard.manifests.writing import carry_out, decide, make_files
from outboard.scaffold.naming import ServiceNames, service_names
from outboard.scaffold.origin import install_arguments, requirement_words
from outboard.scaffold.rendering import SUFFIX, rendered

__all__ = ["called", "how_to_install", "make_service"]

RUN_FILE: Final = "dapr.yaml"
MANIFESTS: Final = "kubernetes"
SHOWN: Final = 3
"""So many of the files that are in the way are named."""


def make_service(name: str, folder: Path) -> list[Path]:
    """Write the service `name` into `folder`; the files that were made, in order.

    Nothing that is there is written over: raises CommandError before the first file, also for a name that
    does not do. Raises OSError where the folder cannot be written.
    """
    names = service_names(name, frozenset(sys.stdlib_module_names))
    made = rendered(dict(_templates(files("outboard.scaffold").joinpath("templates"))), _words(names))
    _refuse_to_overwrite(folder, made)
    for path, text in made.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w", encoding="utf-8", newline="\n") as opened:
            opened.write(text)
    return [*(folder / path for path in sorted(made)), *_write_manifests(folder)]


def _words(names: ServiceNames) -> dict[str, str]:
    return {
        "app_id": names.app_id,
        "package": names.package,
        "python": ".".join(map(str, sys.version_info[:2])),
        "version": version("outboard"),
        **requirement_words(_direct_url()),
    }


def how_to_install(extras: str) -> str:
    """What `pip install` is given for Outboard with `extras`; empty where it is a requirement like others."""
    return install_arguments(_direct_url(), extras)


def _direct_url() -> str | None:
    return distribution("outboard").read_text("direct_url.json")


def _templates(folder: Traversable, path: str = "") -> Iterator[tuple[str, str]]:
    for each in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if each.is_dir():
            yield from _templates(each, f"{path}{each.name}/")
        elif each.name.endswith(SUFFIX):
            yield f"{path}{each.name}", each.read_text(encoding="utf-8")


def called(folder: Path) -> str:
    """`folder` in a sentence."""
    return "this folder" if folder == Path() else str(folder)


def _refuse_to_overwrite(folder: Path, made: Mapping[str, str]) -> None:
    for each in (folder, *folder.parents):
        if os.path.lexists(each) and not each.is_dir():
            raise CommandError(f"{each} is a file", "Name another folder with --to.")
    found = [_in_the_way(folder, PurePosixPath(path)) for path in (*sorted(made), MANIFESTS)]
    there = list(dict.fromkeys(filter(None, found)))
    if there:
        more = f" and {len(there) - SHOWN} more" if len(there) > SHOWN else ""
        raise CommandError(
            f"{called(folder)} has {', '.join(there[:SHOWN])}{more} already; nothing was written",
            "Name another folder with --to, or move them away.",
        )


def _in_the_way(folder: Path, path: PurePosixPath) -> str:
    """What is there where `path` is to be, or a file in the place of a folder of it; else empty."""
    for parent in reversed(path.parents[:-1]):
        if os.path.lexists(folder / parent) and not (folder / parent).is_dir():
            return str(parent)
    return str(path) if os.path.lexists(folder / path) else ""  # a link to nowhere would be written through


def _write_manifests(folder: Path) -> list[Path]:
    """What `outboard manifests` writes in the folder."""
    run_file, to = folder / RUN_FILE, folder / MANIFESTS
    made = make_files(read_system(run_file), to, run_file, ManifestOptions())
    decisions = decide(made, to, force=False)
    carry_out(decisions, to)
    return [to / each.name for each in decisions]
