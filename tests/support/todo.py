"""The to-do system of `examples/todo`, as `outboard run` runs it, on ports of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from support.processes import Program, free_ports, outboard, running

EXAMPLE = Path(__file__).parents[2] / "examples" / "todo"


@dataclass(frozen=True)
class TodoSystem:
    """`folder` is the copy of the example that runs, with its databases.

    `program` is the run that has the backend, `consumer` the one that has the notification service: the same
    one, unless they were started apart.
    """

    backend: str
    notification: str
    sidecar: str
    folder: Path
    program: Program
    consumer: Program


@contextmanager
def todo_system(folder: Path, *arguments: str, **variables: str) -> Iterator[TodoSystem]:
    """Run a copy of the example in `folder` (which is made) until everything is ready; stop it at the end.

    `arguments` are added to `outboard run`, `variables` to its environment.
    """
    ports = _copy(folder)
    with running(outboard("run", *arguments), folder, **variables) as program:
        program.wait_for("Ctrl-C stops everything")
        yield _system(folder, ports, program, program)


@contextmanager
def todo_system_apart(
    folder: Path, backend: Sequence[str], notification: Sequence[str], **variables: str
) -> Iterator[TodoSystem]:
    """The same with each service in a run of its own, to which its arguments are added."""
    ports = _copy(folder)
    with (
        running(_run_of_one(folder, "notification", notification), folder, **variables) as consumer,
        running(_run_of_one(folder, "backend", backend), folder, **variables) as program,
    ):
        for each in (consumer, program):
            each.wait_for("Ctrl-C stops everything")
        yield _system(folder, ports, program, consumer)


def _copy(folder: Path) -> dict[str, int]:
    """Copy the example, and give it free ports: those in its dapr.yaml → these."""
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "*.db*", "tests"))
    ports = dict(zip(("8000", "8001", "3500"), free_ports(3), strict=True))
    run_file = folder / "dapr.yaml"
    text = run_file.read_text(encoding="utf-8")
    run_file.write_text(
        re.sub(r"\b(8000|8001|3500)\b", lambda found: str(ports[found[0]]), text), encoding="utf-8"
    )
    return ports


def _run_of_one(folder: Path, app_id: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs one app of the run file in `folder`."""
    content = yaml.safe_load((folder / "dapr.yaml").read_text(encoding="utf-8"))
    content["apps"] = [app for app in content["apps"] if app["appID"] == app_id]
    file = folder / f"{app_id}.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return outboard("run", "-f", str(file), *arguments)


def _system(folder: Path, ports: Mapping[str, int], program: Program, consumer: Program) -> TodoSystem:
    return TodoSystem(
        backend=f"http://localhost:{ports['8000']}",
        notification=f"http://localhost:{ports['8001']}",
        sidecar=f"http://localhost:{ports['3500']}",
        folder=folder,
        program=program,
        consumer=consumer,
    )
