"""Apps whose code talks gRPC to its sidecar, by the imports of Dapr's own SDK for Python.

Outboard's sidecars serve the calls of `DaprClient`, and apps over gRPC, where the extra `grpc` is installed,
but no workflows. Such an app finds that out at its first call only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from outboard.resources.finding import Finding
from outboard.run.plan.plan import ChosenApps, RunOptions

__all__ = ["with_grpc_clients"]

OVER_GRPC: Final = re.compile(
    rb"""^[ \t]*(?:from|import)[ \t]+(?P<module>
        dapr\.(?:aio\.)?clients\b(?!\.(?:http|exceptions|health|retry)\b)
        | dapr\.ext\.(?:grpc|workflow|langgraph|strands|rag|databricks)\b )""",
    re.MULTILINE | re.VERBOSE,
)
"""The parts of the SDK that need gRPC. `dapr.ext.fastapi` and `dapr.ext.flask` take events by HTTP."""
NO_SOURCES: Final = frozenset({"node_modules", "site-packages", "__pycache__", "venv", "env"})
UNSERVED: Final = re.compile(rb"^[ \t]*(?:from|import)[ \t]+(?P<module>dapr\.ext\.workflow\b)", re.MULTILINE)
"""Those of them that need what is not served, whatever is installed."""
FILES: Final = 500
FOLDERS: Final = 500
"""So much of an app is looked at: a start does not wait for a folder that holds everything."""


def with_grpc_clients(chosen: ChosenApps, options: RunOptions, *, installed: bool) -> ChosenApps:
    """`chosen` with a finding for each app folder whose code needs more over gRPC than the sidecars serve.

    `installed` says whether the extra is; daprd serves all of it.
    """
    if options.daprd is not None:
        return chosen
    folders = dict.fromkeys(spec.directory for spec in chosen.specs if spec.command)
    found = (finding for folder in folders for finding in islice(_imports(folder, installed), 1))
    return replace(chosen, findings=(*chosen.findings, *found))


def _imports(folder: Path, installed: bool) -> Iterator[Finding]:
    pattern = UNSERVED if installed else OVER_GRPC
    for file in islice(_sources(folder), FILES):
        try:
            source = file.read_bytes()
        except OSError:
            continue  # Python will not be able to import it either
        if match := pattern.search(source):
            line = source[: match.start()].count(b"\n") + 1
            module = match["module"].decode("ascii")
            yield _unserved(file, line, module) if installed else _uninstalled(file, line, module)


def _uninstalled(file: Path, line: int, module: str) -> Finding:
    problem = (
        f"this imports {module}, which calls the sidecar over gRPC, and what Outboard's needs to serve it is "
        "not installed: its calls will end in `Connection refused`"
    )
    return Finding(str(file), line, problem, "pip install 'outboard[grpc]', or run with `--engine daprd`.")


def _unserved(file: Path, line: int, module: str) -> Finding:
    problem = f"this imports {module}, and Outboard's sidecars serve no workflows yet"
    return Finding(str(file), line, problem, "Use the kit for them, or run the apps with `--engine daprd`.")


def _sources(folder: Path) -> Iterator[Path]:
    """Python files below `folder` in a fixed order, without those of environments and hidden folders."""
    for place, folders, files in islice(os.walk(folder), FOLDERS):
        folders[:] = sorted(name for name in folders if name not in NO_SOURCES and not name.startswith("."))
        yield from (Path(place, name) for name in sorted(files) if name.endswith(".py"))
