"""Each engine that `dev.py engines` sets up starts and answers: other tests build on that."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser
from sqlalchemy import create_engine, text

from support.processes import free_ports


def test_postgresql_keeps_what_is_written(postgresql_url: str) -> None:
    engine = create_engine(postgresql_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE task (title text)"))
        connection.execute(text("INSERT INTO task VALUES ('größer')"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT title FROM task")).scalar_one() == "größer"
    engine.dispose()


def test_each_test_gets_a_database_of_its_own(postgresql_url: str) -> None:
    engine = create_engine(postgresql_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT to_regclass('task')")).scalar_one() is None
    engine.dispose()


def test_chromium_runs_a_page(browser: Browser) -> None:
    page = browser.new_page()
    page.set_content("<button onclick=\"this.textContent='done'\">to do</button>")
    page.get_by_role("button", name="to do").click()
    assert page.get_by_role("button").inner_text() == "done"


def test_daprd_is_healthy(daprd: Path, tmp_path: Path) -> None:
    with _daprd(daprd, tmp_path) as url:
        assert httpx.get(f"{url}/v1.0/healthz/outbound", trust_env=False).status_code == 204
        assert httpx.get(f"{url}/v1.0/metadata", trust_env=False).json()["runtimeVersion"].startswith("1.")


@contextmanager
def _daprd(executable: Path, folder: Path) -> Iterator[str]:
    """Run daprd without an app until its port is open; its URL."""
    port, grpc, internal, metrics = free_ports(4)
    flags = {
        "app-id": "probe",
        "mode": "standalone",
        "dapr-http-port": port,
        "dapr-grpc-port": grpc,
        "dapr-internal-grpc-port": internal,
        "metrics-port": metrics,
        "dapr-listen-addresses": "127.0.0.1",
        "resources-path": folder,
    }
    command = [str(executable), *(f"--{name}={value}" for name, value in flags.items())]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait_until_open(port, process, folder / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"daprd did not start:\n{log.read_text(encoding='utf-8')}")
