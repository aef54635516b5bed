"""The resources of apps that name no folder of them: those of `dapr init`, or embedded ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from outboard.run.plan.plan import ChosenApps, RunOptions
from outboard.run.plan.settings import RESOURCES_PATH

__all__ = ["DefaultResources", "default_resources", "with_defaults", "write_embedded"]

OF_DAPR: Final = Path(".dapr", "components")
"""Below the home folder: what `dapr run` takes, and `dapr init` fills."""
EMBEDDED: Final = Path(".outboard", "components")
EMBEDDED_FOR_DAPRD: Final = Path(".outboard", "components-daprd")
DATA: Final = Path(".outboard", "data")

COMPONENT: Final = """\
# Made by `outboard run` for apps that name no folder of components. What you write here stays.
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: {name}
spec:
  type: {type}
  version: v1
"""
IN_FILE: Final = """\
  metadata:
    - name: connectionString
      value: '{path}'
"""


@dataclass(frozen=True, slots=True)
class DefaultResources:
    """The folder for apps that name none. `embedded` has components that need nothing else on the machine.

    `described` says what is in it, for a person.
    """

    folder: Path
    described: str
    embedded: bool = False

    def told(self, apps: Sequence[str]) -> str:
        """One sentence about the `apps` that get it."""
        name = "names" if len(apps) == 1 else "name"
        got = "so that it gets" if len(apps) == 1 else "so that they get"
        said = f"{' and '.join(apps)} {name} no folder of resources, {got} {self.folder}"
        return f"{said}, {self.described}"


def default_resources(home: Path, *, daprd: bool) -> DefaultResources:
    """`~/.dapr/components` if it is there, else embedded `pubsub` and `statestore`.

    Both keep in files of the home folder, so that services in two terminals find each other, as beside the
    Redis of `dapr init`. daprd has no pub/sub in a file: beside it that is in memory.
    """
    if (home / OF_DAPR).is_dir():
        return DefaultResources(home / OF_DAPR, "as with `dapr run`")
    kept = f"kept below {home / DATA}"
    if daprd:
        described = f"with `pubsub` (in memory) and `statestore` (SQLite, {kept})"
        return DefaultResources(home / EMBEDDED_FOR_DAPRD, described, embedded=True)
    described = f"with `pubsub` and `statestore` (SQLite, {kept})"
    return DefaultResources(home / EMBEDDED, described, embedded=True)


def with_defaults(chosen: ChosenApps, options: RunOptions, home: Path) -> tuple[ChosenApps, bool]:
    """`chosen` with a folder of resources for each app, and whether one gets the embedded components.

    A note says which apps these are. With `--resources` no app needs one.
    """
    without = [spec.app_id for spec in chosen.specs if not spec.settings.get(RESOURCES_PATH)]
    if options.resources or not without:
        return chosen, False
    default = default_resources(home, daprd=options.daprd is not None)
    specs = [
        replace(spec, settings={**spec.settings, RESOURCES_PATH: (str(default.folder),)})
        if spec.app_id in without
        else spec
        for spec in chosen.specs
    ]
    return replace(chosen, specs=specs, notes=(*chosen.notes, default.told(without))), default.embedded


def write_embedded(home: Path) -> None:
    """Make the files of the embedded components that are not there yet. Raises OSError."""
    (home / DATA).mkdir(parents=True, exist_ok=True)
    for folder, pubsub in ((EMBEDDED, "pubsub.sqlite"), (EMBEDDED_FOR_DAPRD, "pubsub.in-memory")):
        (home / folder).mkdir(parents=True, exist_ok=True)
        for name, type_name in (("pubsub", pubsub), ("statestore", "state.sqlite")):
            file = home / folder / f"{name}.yaml"
            if not file.exists():
                file.write_text(_component(name, type_name, home / DATA / f"{name}.db"), encoding="utf-8")


def _component(name: str, type_name: str, file: Path) -> str:
    head = COMPONENT.format(name=name, type=type_name)
    quoted = str(file).replace("'", "''")
    return head if type_name.endswith("in-memory") else head + IN_FILE.format(path=quoted)
