"""What doctor says of a namespace, in this process, as the command does with `--output json`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from outboard.clock import SystemClock
from outboard.doctor.examination import examine
from outboard.doctor.kubernetes.look import KubernetesLook
from outboard.doctor.output.document import as_json
from support.cluster import eventually

__all__ = ["look", "look_until"]

PATIENCE: Final = 120.0
"""Seconds. A pod that starts is first not ready, and on a busy machine Dapr's own are not at times."""


def look(kubeconfig: Path, namespace: str) -> Any:
    """What doctor says, as the command does with `--output json`."""
    found = asyncio.run(
        examine(KubernetesLook(namespace, SystemClock(), kubeconfig, "", "", False), canary=False)
    )
    return as_json(found.diagnosis)


def look_until(kubeconfig: Path, namespace: str, says: Callable[[Any], bool]) -> Any:
    """What it says once that is what `says` asks for, as `outboard doctor --wait` looks again."""
    told: Any = {}

    def said() -> bool:
        told.clear()
        told.update(look(kubeconfig, namespace))
        return says(told)

    eventually(said, lambda: json.dumps(told, indent=1), patience=PATIENCE)
    return told
