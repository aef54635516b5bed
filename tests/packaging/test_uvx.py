"""`uvx outboard …`: the command in an environment that uv makes for it, with nothing installed before."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from requirements.locking import as_uv
from support.processes import eventually, free_ports
from support.wheels import run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def uvx(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, str]]:
    """The command line that `uvx outboard` stands for, with the wheel of this clone, and its environment."""
    tools = tmp_path_factory.mktemp("tools")
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    own = {"UV_TOOL_DIR": str(tools / "tools"), "UV_TOOL_BIN_DIR": str(tools / "bin")}
    return (
        [sys.executable, "-m", "uv", "tool", "run", "--quiet", "--from", str(wheel), "outboard"],
        as_uv({**environment, **own}),
    )


def test_a_new_service_runs_with_nothing_installed(
    uvx: tuple[list[str], dict[str, str]], tmp_path: Path
) -> None:
    command, environment = uvx
    run(*command, "new", "orders", cwd=tmp_path, environment=environment)
    folder = tmp_path / "orders"
    app, sidecar, grpc = free_ports(3)
    file = folder / "dapr.yaml"
    text, changed = re.subn(r"appPort: 8000", f"appPort: {app}", file.read_text(encoding="utf-8"))
    text, more = re.subn(r"daprHTTPPort: 3500", f"daprHTTPPort: {sidecar}\n    daprGRPCPort: {grpc}", text)
    assert (changed, more) == (1, 1)
    file.write_text(text, encoding="utf-8")
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = psutil.Popen([*command, "run"], cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        address = f"http://127.0.0.1:{app}/notes"
        eventually(lambda: "ready" in said(log) or process.poll() is not None, lambda: said(log))
        assert process.poll() is None, said(log)
        with httpx.Client(trust_env=False) as client:
            added = client.post(address, json={"text": "milk"})
        assert added.status_code == 202, added.text
    finally:
        for each in [*process.children(recursive=True), process]:
            each.kill()
        process.wait(timeout=60)


def said(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")
