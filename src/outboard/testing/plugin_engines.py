"""Which tests run on which engine, by their mark and the option of the command line."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from outboard.errors import CommandError
from outboard.testing.engines.port import DAPRD, ENGINES
from outboard.testing.engines.processes import daprd_program

__all__ = ["needed_engine", "parametrize", "refuse_engines"]


def refuse_engines(place: str, names: Sequence[object]) -> None:
    """Raise UsageError for names, given at `place`, of engines that there are not."""
    unknown = [str(name) for name in names if name not in ENGINES]
    if unknown or not names:
        told = f"{', '.join(unknown)} is no engine" if unknown else "it names no engine"
        raise pytest.UsageError(f"{place}: {told}. There are {', '.join(ENGINES)}")


def parametrize(metafunc: pytest.Metafunc, mark: pytest.Mark, chosen: str | None) -> None:
    """Let a test with the `mark` run once on each of its engines, or only on the `chosen` one.

    Raises UsageError for an engine that there is not.
    """
    refuse_engines(f"{metafunc.definition.nodeid}, mark {mark.name}", mark.args)
    names = [str(each) for each in dict.fromkeys(mark.args)]
    if chosen is not None and chosen not in names:
        reason = f"it is marked for {', '.join(names)}, and --outboard-engine is {chosen}"
        other = pytest.param(chosen, marks=pytest.mark.skip(reason=reason))
        metafunc.parametrize("outboard_engine", [other], indirect=True)
    else:
        metafunc.parametrize("outboard_engine", names if chosen is None else [chosen], indirect=True)


def needed_engine(name: str, demanded: bool) -> str:
    """`name`, where that engine is here; else the test is skipped, or fails where it is `demanded`."""
    if name == DAPRD:
        missing = _missing_daprd()
        if missing and demanded:
            pytest.fail(missing, pytrace=False)  # in an `except` pytest would show its causes, too
        if missing:
            pytest.skip(missing)
    return name


def _missing_daprd() -> str:
    try:
        daprd_program(os.environ, Path.home())
    except CommandError as error:
        return f"the engine daprd: {error}"
    return ""
