"""What a sidecar pays for pluggable components that it does not have: nothing of gRPC is loaded."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys
from pathlib import Path
from outboard.resources.component import Component
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.opening import open_components

async def main():
    context = ComponentContext("app", environ={"DAPR_COMPONENTS_SOCKETS_FOLDER": sys.argv[1]})
    components = [Component("ps", "pubsub.in-memory"), Component("other", "pubsub.rabbitmq")]
    async with open_components(components, context) as up:
        print(list(up.pubsubs), sorted({name.partition(".")[0] for name in sys.modules} & {"grpc", "google"}))

asyncio.run(main())
"""


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="a platform without Unix sockets")
def test_a_socket_that_no_component_names_costs_nothing(short_folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(short_folder / "mine.sock"))

    command = [sys.executable, "-c", PROGRAM, str(short_folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout.strip() == "['ps'] []", done.stderr
