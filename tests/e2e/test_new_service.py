"""What `outboard new` makes: without a finding, with tests that pass, and running as its files say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.processes import Program, eventually, free_ports, outboard, running

NAME = "my-orders"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The new service, with other ports than the usual ones, which somebody may have."""
    folder = tmp_path_factory.mktemp("new")
    done(outboard("new", NAME), folder)
    service = folder / NAME
    for usual, free in zip(("8000", "3500"), free_ports(2), strict=True):
        for name in ("dapr.yaml", ".vscode/launch.json"):
            file = service / name
            text = file.read_text(encoding="utf-8")
            assert usual in text
            file.write_text(text.replace(usual, str(free)), encoding="utf-8")
    return service


def done(command: Sequence[str], folder: Path) -> str:
    """What `command` says, on both streams; it has to succeed."""
    ended = subprocess.run(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def configurations(service: Path) -> dict[str, dict[str, Any]]:
    """Those of the debugger, by name."""
    launch = json.loads((service / ".vscode" / "launch.json").read_text(encoding="utf-8"))
    return {each["name"]: each for each in launch["configurations"]}


def command_of(configuration: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", configuration["module"], *configuration.get("args", [])]


def note_arrives(service: Path, *programs: Program) -> None:
    """A note that is posted can be read, once its event has come back."""
    port = configurations(service)[NAME]["env"]["APP_PORT"]

    def said() -> str:
        return "\n".join(each.output for each in programs)

    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        added = client.post("/notes", json={"text": "milk"})
        assert added.status_code == 202, said()
        note = added.json()
        eventually(lambda: client.get(f"/notes/{note['id']}").status_code == 200, said, programs[0])
        assert client.get(f"/notes/{note['id']}").json() == note


def test_the_check_finds_nothing(made: Path) -> None:
    assert done(outboard("check"), made).startswith("nothing found")


def test_its_tests_pass(made: Path) -> None:
    said = done(
        [*command_of(configurations(made)["tests"]), "-q", "-p", "no:cacheprovider", "-p", "no:asyncio"], made
    )
    assert "3 passed" in said


def test_it_is_written_as_linters_want_it(made: Path) -> None:
    ruff = [sys.executable, "-m", "ruff"]
    done([*ruff, "check", "--isolated", "--no-cache", "--select", "E,F,I,UP,B", "--line-length", "110"], made)
    done([*ruff, "format", "--isolated", "--no-cache", "--check", "--line-length", "110"], made)


def test_it_runs(made: Path) -> None:
    with running(outboard("run", "--no-dashboard"), made) as run:
        run.wait_for("ready")
        note_arrives(made, run)


def test_it_runs_in_a_debugger_beside_the_sidecar(made: Path) -> None:
    """As the editor starts both, at once: with the settings that it has from launch.json."""
    launch = configurations(made)
    own = launch[NAME]
    with (
        running(command_of(launch["sidecar"]), made) as sidecar,
        running(command_of(own), made, **own["env"]) as app,
    ):
        sidecar.wait_for(f"{NAME} listens on port {own['env']['APP_PORT']}")
        note_arrives(made, sidecar, app)
