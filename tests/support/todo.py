"""The to-do system of `examples/todo`, as `outboard run` runs it, on ports of its own."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.processes import Program, free_ports, outboard, running

EXAMPLE = Path(__file__).parents[2] / "examples" / "todo"


@dataclass(frozen=True)
class TodoSystem:
    """`folder` is the copy of the example that runs, with its databases."""

    backend: str
    notification: str
    sidecar: str
    folder: Path
    program: Program


@contextmanager
def todo_system(folder: Path, *arguments: str) -> Iterator[TodoSystem]:
    """Run a copy of the example in `folder` (which is made) until everything is ready; stop it at the end.

    `arguments` are added to `outboard run`.
    """
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "*.db*", "tests"))
    ports = dict(zip(("8000", "8001", "3500"), free_ports(3), strict=True))
    run_file = folder / "dapr.yaml"
    text = run_file.read_text(encoding="utf-8")
    run_file.write_text(
        re.sub(r"\b(8000|8001|3500)\b", lambda found: str(ports[found[0]]), text), encoding="utf-8"
    )
    with running(outboard("run", *arguments), folder) as program:
        system = TodoSystem(
            backend=f"http://localhost:{ports['8000']}",
            notification=f"http://localhost:{ports['8001']}",
            sidecar=f"http://localhost:{ports['3500']}",
            folder=folder,
            program=program,
        )
        program.wait_for("Ctrl-C stops everything")
        yield system
