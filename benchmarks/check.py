"""How many documents a second `outboard check` looks at, beside yamllint and kubeconform.

python benchmarks/check.py [--documents 1000] [--rounds 5] [--yamllint PROGRAM] [--kubeconform PROGRAM]

The contenders run in turn over the same folder: components of every type, subscriptions, policies and
Deployments. None does what another does: yamllint looks at the form of YAML alone, kubeconform at each
document's schema (those that `outboard schema` writes), and the check at all of them together. `pip install
yamllint` and `go install github.com/yannh/kubeconform/cmd/kubeconform@latest` install the two; what is not
there is left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from measuring import print_machine

from outboard.facts.reading import catalogue

A_FILE: Final = 5
"""Documents of a file."""
KINDS: Final = ("Component", "Subscription", "Resiliency", "Configuration")


def documents() -> Iterator[str]:
    """Components of every type with all the fields of the first way to authenticate; others in between."""
    for number, name in enumerate(cycle(catalogue().types)):
        facts = catalogue().find(name)
        if facts is None:
            continue
        fields = {
            each.name: each
            for each in (*(facts.profiles[0].fields if facts.profiles else ()), *facts.own_fields)
        }
        metadata = "".join(
            f'    - name: {each.name}\n      value: "{each.allowed[0] if each.allowed else "10"}"\n'
            for each in fields.values()
            if ":" not in each.name and "<" not in each.name
        )
        yield (
            f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: part-{number}\nspec:\n"
            f"  type: {name}\n  version: v1\n  metadata:\n{metadata or '    []' + chr(10)}"
        )
        yield (
            f"apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata:\n  name: take-{number}\nspec:\n"
            f"  pubsubname: part-{number}\n  topic: orders-{number}\n  routes:\n    rules:\n"
            f'      - match: event.type == "a{number % 20}"\n        path: /a\n    default: /orders\n'
        )
        yield (
            f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{number}\nspec:\n  template:\n"
            f'    metadata:\n      annotations:\n        dapr.io/enabled: "true"\n'
            f'        dapr.io/app-id: app-{number}\n        dapr.io/app-port: "8000"\n'
            f"    spec:\n      containers: [{{name: app, image: app}}]\n"
        )


def write(folder: Path, number: int) -> None:
    texts = list(islice(documents(), number))
    for first in range(0, number, A_FILE):
        text = "---\n".join(texts[first : first + A_FILE])
        (folder / f"{first:06}.yaml").write_text(text, encoding="utf-8")


def contenders(folder: Path, schemas: Path, found: argparse.Namespace) -> dict[str, list[str]]:
    check = [sys.executable, "-m", "outboard", "check", str(folder), "--severity", "error"]
    commands = {"outboard check": check}
    if program := shutil.which(found.yamllint):
        commands["yamllint"] = [program, "-d", "relaxed", str(folder)]
    if program := shutil.which(found.kubeconform):
        place = str(schemas / "{{.ResourceKind}}.json")
        commands["kubeconform"] = [
            program,
            "-n",
            "2",
            "-schema-location",
            place,
            "-ignore-missing-schemas",
            str(folder),
        ]
    return commands


def write_schemas(folder: Path) -> None:
    for kind in KINDS:
        with (folder / f"{kind.lower()}.json").open("wb") as file:
            subprocess.run(
                [sys.executable, "-m", "outboard", "schema", kind.lower()], stdout=file, check=True
            )


def run(command: Sequence[str]) -> tuple[float, float]:
    """Seconds on the clock and of CPU."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description="documents a second of the check, and of others")
    parser.add_argument("--documents", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--yamllint", default="yamllint")
    parser.add_argument("--kubeconform", default="kubeconform")
    found = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as scratch:
        folder, schemas = Path(scratch, "documents"), Path(scratch, "schemas")
        folder.mkdir()
        schemas.mkdir()
        write(folder, found.documents)
        write_schemas(schemas)
        commands = contenders(folder, schemas, found)
        figures: Mapping[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(found.rounds):
            for name, command in commands.items():
                figures[name].append(run(command))
    files = -(-found.documents // A_FILE)
    print(f"{found.documents} documents in {files} files, median of {found.rounds} rounds")
    print(f"{'':16}{'seconds':>10}{'CPU s':>10}{'documents/s':>14}{'of the check':>14}")
    own = statistics.median(wall for wall, _ in figures["outboard check"])
    for name, measured in figures.items():
        wall = statistics.median(each for each, _ in measured)
        cpu = statistics.median(each for _, each in measured)
        print(f"{name:16}{wall:10.2f}{cpu:10.2f}{found.documents / wall:14.0f}{wall / own:13.1f}x")


if __name__ == "__main__":
    main()
