"""A Chromium that a test may crash, which keeps its profile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

from support.processes import free_ports
from support.servers import Server

__all__ = ["ARGUMENTS", "ChromiumServer"]

ARGUMENTS = (
    "--no-sandbox",  # as root, as in a container, Chromium does not start with it
    "--disable-quic",
    "--disable-component-update",
    "--disable-sync",
)


class ChromiumServer(Server):
    """A headless browser of its own process, with a profile that it finds again after a crash."""

    def __init__(self, executable: Path, folder: Path) -> None:
        port = free_ports(1)[0]
        flags = ["--headless=new", f"--remote-debugging-port={port}", f"--user-data-dir={folder / 'profile'}"]
        command = [str(executable), *ARGUMENTS, *flags, "--no-first-run", "about:blank"]
        super().__init__("Chromium", command, port, folder, _takes_commands)

    @contextmanager
    def connected(self) -> Iterator[Browser]:
        """Playwright's view of it; at the end the browser runs on."""
        with sync_playwright() as playwright:
            yield playwright.chromium.connect_over_cdp(f"http://{self.address}")


def _takes_commands(port: int) -> bool:
    try:
        url = f"http://127.0.0.1:{port}/json/version"
        return httpx.get(url, trust_env=False, timeout=2).status_code == 200
    except httpx.TransportError:
        return False
