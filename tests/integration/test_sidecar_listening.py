"""Where a sidecar listens besides its port."""

from __future__ import annotations

import asyncio
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from outboard.errors import CommandError, PortTaken
from outboard.resources.loader import Resources
from outboard.sidecar.runtime.options import Options
from outboard.sidecar.runtime.sidecar import Sidecar
from outboard.sidecar.runtime.unixsocket import listening_at, socket_path

pytestmark = pytest.mark.anyio
posix = pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix domain sockets in Python here")


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[Sidecar]:
    sidecar = Sidecar(Options("api", **{"grpc_port": 0, **options}), Resources())
    serving = asyncio.create_task(sidecar.serve())
    ready = asyncio.create_task(sidecar.ready())
    await asyncio.wait((serving, ready), return_when=asyncio.FIRST_COMPLETED)
    try:
        yield sidecar
    finally:
        sidecar.stop()
        ready.cancel()
        assert await serving == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short one: the path of a socket may have about 100 characters."""
    with tempfile.TemporaryDirectory(prefix="ob") as name:
        yield Path(name)


async def test_metadata_and_health_on_the_public_port() -> None:
    async with served(http_port=0, public_port=0, api_token="sesame") as sidecar, httpx.AsyncClient() as http:
        assert sidecar.public_port != sidecar.http_port
        base = f"http://127.0.0.1:{sidecar.public_port}"
        assert (await http.get(f"{base}/v1.0/metadata")).json()["id"] == "api"
        assert (await http.get(f"{base}/v1.0/healthz")).status_code == 204
        assert (await http.get(f"{base}/v1.0/state/s/k")).text == "404 page not found\n"


async def test_a_public_port_that_is_taken_is_told_with_its_flag() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sidecar = Sidecar(
            Options("api", http_port=0, grpc_port=0, public_port=taken.getsockname()[1]), Resources()
        )
        with pytest.raises(PortTaken, match="--dapr-public-port"):
            await sidecar.serve()


@posix
async def test_the_api_at_a_unix_domain_socket(folder: Path) -> None:
    path = folder / "dapr-api-http.socket"
    async with served(unix_domain_socket=folder) as sidecar:
        assert (path.is_socket(), sidecar.http_port) == (True, 0)
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport) as http:
            answer = await http.get("http://sidecar/v1.0/metadata")
            assert answer.json()["id"] == "api"
    assert not path.exists()


@posix
async def test_a_relative_folder_of_sockets_begins_where_the_app_runs(folder: Path) -> None:
    (folder / "run").mkdir()
    async with served(unix_domain_socket=Path("run"), directory=folder):
        assert (folder / "run" / "dapr-api-http.socket").is_socket()


@posix
def test_a_socket_that_was_left_behind_is_replaced(folder: Path) -> None:
    path = socket_path(folder, "api")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with listening_at(path) as bound:
        assert bound.getsockname() == str(path)


@posix
def test_a_socket_that_a_process_has_is_told(folder: Path) -> None:
    path = socket_path(folder, "api")
    with listening_at(path), pytest.raises(CommandError, match="a process listens at"), listening_at(path):
        pass


@posix
def test_a_folder_that_is_not_there_is_told(folder: Path) -> None:
    path = socket_path(folder / "nowhere", "api")
    with pytest.raises(CommandError, match="cannot be made"), listening_at(path):
        pass
