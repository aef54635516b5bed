"""The state of engines, for a person or a machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from outboard.engines.control import EngineState
from outboard.gojson.values import Json

__all__ = ["as_json", "as_text", "problems"]

VARIABLES: Final[Mapping[str, str]] = {"kafka": "KAFKA_BROKERS", "redis": "REDIS_HOST"}
"""What component files read the address from, by `envRef`."""


def as_json(state: EngineState) -> Json:
    """One engine: `state` is running, stopped or failed; `problem` says why it failed."""
    instance = state.instance
    return {
        "name": state.name,
        "state": _word(state),
        "address": instance.address if instance else None,
        "port": instance.port if instance else None,
        "pid": instance.pid if instance else None,
        "started": datetime.fromtimestamp(instance.started, UTC).isoformat() if instance else None,
        "folder": instance.folder if instance else None,
        "log": str(Path(instance.folder, "server.log")) if instance else None,
        "problem": state.problem or None,
    }


def as_text(states: Sequence[EngineState]) -> Iterator[str]:
    """A line for each engine, and how to use those that run."""
    for state in states:
        instance = state.instance
        where = f"{instance.address:<15}  process {instance.pid}, {instance.folder}" if instance else ""
        yield f"{state.name:<6} {_word(state):<8} {where}".rstrip()
    variables = [f"{VARIABLES[s.name]}={s.instance.address}" for s in states if s.instance]
    if variables:
        yield f"For component files with `envRef`: {' '.join(variables)}"


def problems(states: Sequence[EngineState]) -> list[str]:
    """Why engines could not be started, a sentence each."""
    return [state.problem for state in states if state.problem]


def _word(state: EngineState) -> str:
    if state.instance is not None:
        return "running"
    return "failed" if state.problem else "stopped"
