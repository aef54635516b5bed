"""The wheel in an empty environment: what `pip install outboard` brings is enough for the to-do system.

Nothing of the clone is on the path of what runs here; only the example is copied out of it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

import dev
from support.processes import free_ports
from support.wheels import environment_with, install, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def venv(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that holds the wheel, what it depends on, and nothing else."""
    return environment_with(wheel, tmp_path_factory.mktemp("empty") / "venv")


@pytest.fixture(scope="module")
def venv_with_sql(wheel: Path, venv: Path) -> Path:
    """The environment with the extra that the to-do system asks for."""
    install(venv, f"outboard[sql] @ {wheel.as_uri()}")
    return venv


def test_the_wheel_holds_the_package_its_types_and_its_licence(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"outboard/py.typed", "outboard/engines/kafka_jars.txt"} <= set(names)
    assert any(re.fullmatch(r"outboard-[^/]+\.dist-info/licenses/LICENSE", name) for name in names)
    assert {name.split("/")[0].split("-")[0] for name in names} == {"outboard"}


def test_the_command_explains_itself(wheel: Path, venv: Path, tmp_path: Path) -> None:
    outboard = dev.scripts_of(venv) / "outboard"
    shown = run(outboard, "--help", venv=venv, cwd=tmp_path)
    assert {"run", "sidecar", "engines"} <= set(re.findall(r"\w+", shown))
    assert wheel.name.split("-")[1] in run(outboard, "--version", venv=venv, cwd=tmp_path)
    assert shown == run(dev.python_of(venv), "-m", "outboard", "--help", venv=venv, cwd=tmp_path)


def test_the_package_is_imported_from_the_wheel(venv: Path, tmp_path: Path) -> None:
    program = "import outboard; print(outboard.__file__); outboard.Outboard()"
    shown = run(dev.python_of(venv), "-W", "error", "-c", program, venv=venv, cwd=tmp_path)
    assert str(venv.resolve()) in str(Path(shown.strip()).resolve())


def test_the_todo_system_runs_from_the_wheel(venv_with_sql: Path, tmp_path: Path) -> None:
    backend, notification, sidecar = (f"http://127.0.0.1:{port}" for port in free_ports(3))
    folder = example(
        tmp_path, {"8000": port_of(backend), "8001": port_of(notification), "3500": port_of(sidecar)}
    )
    log = tmp_path / "log"
    with running(venv_with_sql, folder, log) as process, httpx.Client(trust_env=False) as client:
        until(lambda: answers(client, f"{backend}/tasks"), process, log)
        until(lambda: answers(client, f"{notification}/notifications"), process, log)
        assert client.post(f"{backend}/tasks", json={"title": "Milch kaufen"}).status_code == 201
        until(lambda: "Milch kaufen" in client.get(f"{notification}/notifications").text, process, log)
    said = log.read_text(encoding="utf-8")
    assert "Published to task-events: " in said
    assert "TASK EVENT RECEIVED" in said


def port_of(url: str) -> str:
    """The port of `url`, as it stands in it."""
    return url.rsplit(":", 1)[1]


def example(target: Path, ports: dict[str, str]) -> Path:
    """A copy of the to-do system with other ports, so that it meets nobody on this machine."""
    folder = target / "todo system"
    ignored = shutil.ignore_patterns("tests", "*.db*", "__pycache__")
    shutil.copytree(dev.ROOT / dev.DEMO.parent, folder, ignore=ignored)
    file = folder / dev.DEMO.name
    text = file.read_text(encoding="utf-8")
    for port in ports:
        assert port in text, f"{dev.DEMO} no longer names port {port}"
    file.write_text(re.sub("|".join(ports), lambda found: ports[found[0]], text), encoding="utf-8")
    return folder


@contextmanager
def running(venv: Path, folder: Path, log: Path) -> Iterator[psutil.Popen]:
    """`outboard run` in `folder`, ended as Ctrl-C ends it: with it, every process it started is gone."""
    command = [str(dev.scripts_of(venv) / "outboard"), "run", "-f", "dapr.yaml"]
    group = {"creationflags": 0x200} if os.name == "nt" else {"start_new_session": True}
    with log.open("wb") as output:
        process = psutil.Popen(
            command,
            cwd=folder,
            env=dev.environment_for(os.environ, venv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **group,
        )
    try:
        yield process
        children = process.children(recursive=True)
        interrupt(process)
        assert process.wait(timeout=60) == 0, log.read_text(encoding="utf-8")
        left = psutil.wait_procs(children, timeout=10)[1]
        assert left == [], f"`outboard run` left processes behind:\n{log.read_text(encoding='utf-8')}"
    finally:
        end(process)


def interrupt(process: psutil.Popen) -> None:
    """What Ctrl-C does, for a process in a group of its own."""
    if sys.platform == "win32":
        process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        process.send_signal(signal.SIGINT)


def end(process: psutil.Popen) -> None:
    """End `process` and what it started, if it still runs."""
    if process.is_running():
        for each in [*process.children(recursive=True), process]:
            each.kill()
        process.wait(timeout=60)


def answers(client: httpx.Client, url: str) -> bool:
    """Whether `url` is served yet."""
    try:
        return client.get(url).status_code == 200
    except httpx.TransportError:
        return False


def until(condition: Callable[[], bool], process: psutil.Popen, log: Path) -> None:
    """Wait for `condition`; fail with the log when `outboard run` ends first or it never comes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if condition():
            return
        time.sleep(0.05)
    pytest.fail(f"it did not come to that; `outboard run` said:\n{log.read_text(encoding='utf-8')}")
