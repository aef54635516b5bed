"""A script without asyncio: beside its sidecar under `outboard run`, and interrupted while it waits."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from support.processes import PATIENCE, outboard, running

NIGHTLY = """
import threading
from outboard import Outboard

board = Outboard()
reports = board.topic("reports")
counts = board.state(int)

def count(name: str) -> None:
    counts.sync.save(name, (counts.sync.get(name) or 0) + 1, timeout=20)

with board.connected():
    count("nightly")
    threads = [threading.Thread(target=count, args=(f"part-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with counts.sync.transaction() as changes:
        changes.delete("part-0")
    found = counts.sync.get_many(["nightly", "part-0", "part-1"])
    event = reports.sync.publish({name: entry.value for name, entry in found.items()}, key="nightly")
    print("published", event.data)
"""

WAITING = """
from outboard import Outboard

board = Outboard(environ={"DAPR_HTTP_PORT": "SILENT"}, timeout=600)
with board.connected():
    print("waiting", flush=True)
    CALL
"""


def test_a_script_publishes_and_keeps_state(tmp_path: Path) -> None:
    (tmp_path / "nightly.py").write_text(NIGHTLY, encoding="utf-8")
    command = outboard("run", "--app-id", "nightly", "--resources-path", "resources", "--", sys.executable)
    (tmp_path / "resources").mkdir()
    for name in ("pubsub", "state"):
        kind = "pubsub.in-memory" if name == "pubsub" else "state.in-memory"
        component = {"pubsub": "pubsub", "state": "statestore"}[name]
        (tmp_path / "resources" / f"{name}.yaml").write_text(
            "apiVersion: dapr.io/v1alpha1\nkind: Component\n"
            f"metadata: {{name: {component}}}\nspec: {{type: {kind}, version: v1, metadata: []}}\n",
            encoding="utf-8",
        )
    with running([*command, "nightly.py"], tmp_path) as program:
        program.wait_for("published {'nightly': 1, 'part-0': None, 'part-1': 1}")
        program.wait_for("nightly ended with exit code 0")


@pytest.mark.parametrize("call", ["board.topic('t').sync.publish(1)", "board.state().sync.get('a')"])
def test_a_script_that_is_interrupted_ends(tmp_path: Path, call: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = str(silent.getsockname()[1])
        text = WAITING.replace("SILENT", port).replace("CALL", call)
        (tmp_path / "script.py").write_text(text, encoding="utf-8")
        with running([sys.executable, "script.py"], tmp_path) as program:
            program.wait_for("waiting")
            silent.settimeout(PATIENCE)
            accepted, _ = silent.accept()
            with accepted:
                assert program.interrupt() != 0
            assert "KeyboardInterrupt" in program.output
