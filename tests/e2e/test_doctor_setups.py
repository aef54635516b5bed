"""`outboard doctor` on set-ups that are broken, and on some that are not, with both kinds of sidecars."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.broken import INTACT, SETUPS, SetUp
from support.doctoring import codes, doctor, made, running

CASES = [
    pytest.param(setup, engine, id=f"{setup.name} ({engine})") for setup in SETUPS for engine in setup.engines
]
WELL = [
    pytest.param(setup, engine, id=f"{setup.name} ({engine})") for setup in INTACT for engine in setup.engines
]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose name says nothing of the set-up."""
    return tmp_path_factory.mktemp("case")


def sidecar(engine: str, request: pytest.FixtureRequest) -> Path | None:
    """The executable of daprd, where that is wanted."""
    if engine != "daprd":
        return None
    found: Path = request.getfixturevalue("daprd")
    return found


@pytest.mark.parametrize(("setup", "engine"), CASES)
def test_the_hop_that_is_broken_is_told(
    setup: SetUp, engine: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    place = made(setup, folder)
    with running(setup, place, sidecar(engine, request)):
        code, told = doctor(folder)
    assert (code, codes(told, "failed")) == (1, {setup.expected}), json.dumps(told, indent=1)
    broken = next(each for each in told["categories"] if each["result"] == "failed")
    later = told["categories"][told["categories"].index(broken) + 1 :]
    assert broken["name"] == told["broken"]
    assert all(category["skipped"] and not category["checks"] for category in later)
    check = next(each for each in broken["checks"] if each["result"] == "failed")
    assert check["evidence"]
    assert check["fix"]
    assert check["page"].endswith(f"#{setup.expected}")


@pytest.mark.parametrize(("setup", "engine"), WELL)
def test_what_is_intact_passes(
    setup: SetUp, engine: str, folder: Path, request: pytest.FixtureRequest
) -> None:
    place = made(setup, folder)
    with running(setup, place, sidecar(engine, request)):
        code, told = doctor(folder)
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)
    assert told["success"] is True
    assert codes(told, "warning") <= {"sidecar-version"}
