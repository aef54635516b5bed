"""The story of one event across the pods, by the commands of the page."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from engines.cluster.kubectl import Cluster
from support.cluster import eventually, port_forward, rolled_out
from support.commands import Command, commands

pytestmark = pytest.mark.engine("cluster")
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "where-did-my-event-go.md"
APPS = ("deployment/backend", "deployment/notification")


def page() -> list[Command]:
    """The commands of its last part."""
    text = PAGE.read_text(encoding="utf-8")
    first = text[: text.index("### 7 The whole story")].count("\n")
    return [each for each in commands(PAGE) if each.line > first and each.words[0] == "kubectl"]


SETS, WAITS, TELLS, *COPIES = page()


@pytest.fixture
def recorded(cluster: Cluster, todo: str) -> Iterator[str]:
    """The namespace, in which the services keep a record, and an event was made."""
    cluster.kubectl(*SETS.words[1:])
    cluster.kubectl(*WAITS.words[1:])
    rolled_out(cluster, todo, *APPS)
    yield todo
    cluster.kubectl("set", "env", "-n", todo, *APPS, "OUTBOARD_HOPS-")


def told(folder: Path) -> Any:
    command = [sys.executable, "-m", "outboard", "trace", "--topic", "task-events", "--record", str(folder)]
    done = subprocess.run([*command, "-o", "json"], capture_output=True, encoding="utf-8", check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def test_an_event_is_told_in_its_pod_and_across_both(cluster: Cluster, recorded: str, tmp_path: Path) -> None:
    with port_forward(cluster, recorded, "deployment/backend", 8000) as url:
        answer = httpx.post(f"{url}/tasks", json={"title": "told"}, trust_env=False, timeout=30)
        assert answer.status_code == 201, answer.text
    said = ""

    def shows() -> bool:
        nonlocal said
        said = cluster.try_kubectl(*TELLS.words[1:]).stdout
        return all(expected in said for expected in TELLS.expected)

    eventually(shows, lambda: said)

    assert len(COPIES) == 2
    for copies in COPIES:
        *options, source, _ = copies.words[1:]
        name, _, place = source.partition(":")
        label = f"app={name.removesuffix('-POD').lower()}"
        pod = cluster.kubectl("get", "pods", "-n", recorded, "-l", label, "-o", "name").split()[-1]
        cluster.kubectl(*options, f"{pod.removeprefix('pod/')}:{place}", str(tmp_path / "hops"))
    story = json.dumps(told(tmp_path / "hops"))
    assert "backend" in story, story
    assert "notification" in story, story
