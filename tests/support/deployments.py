"""A system in a folder of a test, and the manifests that are made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from outboard.manifests.assembling import FileSet, ManifestOptions
from outboard.manifests.reading import read_system
from outboard.manifests.writing import make_files

KAFKA = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: pubsub
spec:
  type: pubsub.kafka
  version: v1
  metadata:
    - name: brokers
      value: kafka:9092
    - name: authType # said, not left out
      value: none
    - name: consumerGroup
      value: shop
"""
REDIS = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: statestore
spec:
  type: state.redis
  version: v1
  metadata:
    - name: redisHost
      value: redis:6379
    - name: redisPassword
      value: open-sesame
"""


class Project:
    """A folder with a run file of two apps, `shop` and `till`, and components for both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "dapr.yaml"
        self.write("parts/pubsub.yaml", KAFKA)
        self.write("requirements.txt", "outboard\n")
        self.run_file()

    def write(self, name: str, text: str) -> Path:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target

    def run_file(self, shop: str = "", top: str = "  namespace: trade\n", till: str = "") -> None:
        """The run file; each text stands where its name says, indented as there."""
        kubernetes = f"x-kubernetes:\n{top}" if top else ""
        self.file.write_text(
            f"version: 1\ncommon:\n  resourcesPath: parts\n{kubernetes}apps:\n"
            f'  - appID: shop\n    appDirPath: .\n    appPort: 8000\n    command: ["python", "-m", "shop"]\n'
            f'{shop}  - appID: till\n    appDirPath: .\n    command: ["python", "-m", "till"]\n{till}',
            encoding="utf-8",
        )

    def made(
        self,
        *,
        values: Mapping[str, str] | None = None,
        to_try_with: Sequence[str] = (),
        options: ManifestOptions | None = None,
        namespace: str = "",
    ) -> FileSet:
        """The files of `outboard manifests`."""
        system = read_system(self.file, namespace, values=values, to_try_with=to_try_with)
        return make_files(system, self.folder / "kubernetes", self.file, options or ManifestOptions())

    def documents(self, **how: Any) -> list[dict[str, Any]]:
        """All of them as a cluster reads them."""
        return parsed(self.made(**how))


def parsed(made: FileSet) -> list[dict[str, Any]]:
    """The documents of all files."""
    return [
        each
        for name, text in made.files.items()
        if name.endswith(".yaml")
        for each in yaml.safe_load_all(text)
    ]


def one(documents: Sequence[Mapping[str, Any]], kind: str, name: str) -> Any:
    """The only document of a kind and name."""
    found = [each for each in documents if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    assert len(found) == 1, [(each["kind"], each["metadata"]["name"]) for each in documents]
    return found[0]


def metadata(component: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a component: name → value, or the reference to a Secret."""
    items = component["spec"]["metadata"]
    return {each["name"]: each.get("value", each.get("secretKeyRef")) for each in items}


__all__ = ["KAFKA", "REDIS", "Project", "metadata", "one", "parsed"]
