"""Sidecars as processes, each on ports of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from support.processes import Program, free_ports, outboard, running

__all__ = ["READY", "RETRY", "Beside", "component", "daprd_beside", "sidecar_beside"]

READY = "dapr initialized. Status: Running."

RETRY = """\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: retry}
spec:
  policies:
    retries: {again: {policy: constant, duration: 50ms, maxRetries: -1}}
  targets:
    components: {pubsub: {inbound: {retry: again}}}
"""
"""A broker in memory loses what its consumer could not handle; with this it is delivered again."""


@dataclass(frozen=True)
class Beside:
    """A sidecar that runs, its HTTP API at `port`. `http` asks that."""

    program: Program
    port: int
    grpc_port: int
    http: httpx.Client

    def port_of(self, protocol: str) -> int:
        """Of "http" or "grpc"."""
        return self.port if protocol == "http" else self.grpc_port

    def publish(self, topic: str, data: object, pubsub: str = "pubsub") -> None:
        answer = self.http.post(f"/v1.0/publish/{pubsub}/{topic}", json=data)
        assert answer.status_code == 204, answer.text


def component(name: str = "pubsub", type: str = "pubsub.in-memory", **metadata: str) -> str:
    """The resource file of one component."""
    items = "".join(f'    - {{name: {key}, value: "{value}"}}\n' for key, value in metadata.items())
    return (
        f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {{name: {name}}}\n"
        f"spec:\n  type: {type}\n  version: v1\n  metadata:{' []' * (not items)}\n{items}"
    )


@contextmanager
def sidecar_beside(
    folder: Path,
    resources: Mapping[str, str],
    *flags: str,
    app_port: int = 0,
    port: int = 0,
    grpc_port: int = 0,
    ready: bool = True,
    **variables: str,
) -> Iterator[Beside]:
    """`outboard sidecar` with the resource files `resources` (name → text), until the end of the block."""
    free, free_for_grpc = free_ports(2)
    http_port, grpc_port = port or free, grpc_port or free_for_grpc
    ports = ("--dapr-http-port", str(http_port), "--dapr-grpc-port", str(grpc_port))
    flags = ("--app-id", "shop", *ports, *_app(app_port), *flags)
    command = outboard("sidecar", *flags, "--resources-path", str(_written(folder, resources)))
    with running(command, folder, **variables) as program, _client(http_port) as http:
        program.wait_for(READY if ready else "HTTP server is running")
        yield Beside(program, http_port, grpc_port, http)


@contextmanager
def daprd_beside(
    daprd: Path,
    folder: Path,
    resources: Mapping[str, str],
    *more: str,
    app_port: int = 0,
    port: int = 0,
    grpc_port: int = 0,
    awaited: str = READY,
    **variables: str,
) -> Iterator[Beside]:
    """The same with Dapr's own; `more` are flags of it. It runs once it says what is `awaited`."""
    free, free_for_grpc, internal_port, metrics_port = free_ports(4)
    http_port, grpc_port = port or free, grpc_port or free_for_grpc
    flags = ["--app-id", "shop", "--dapr-http-port", str(http_port), "--dapr-grpc-port", str(grpc_port)]
    flags += ["--dapr-internal-grpc-port", str(internal_port), "--metrics-port", str(metrics_port)]
    flags += ["--dapr-listen-addresses", "127.0.0.1", "--mode", "standalone", *_app(app_port), *more]
    command = [str(daprd), *flags, "--resources-path", str(_written(folder, resources))]
    with running(command, folder, **variables) as program, _client(http_port) as http:
        program.wait_for(awaited)
        yield Beside(program, http_port, grpc_port, http)


def _app(port: int) -> tuple[str, ...]:
    return ("--app-port", str(port)) if port else ()


def _client(port: int) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30)


def _written(folder: Path, resources: Mapping[str, str]) -> Path:
    place = folder / "resources"
    place.mkdir(exist_ok=True)
    for name, text in resources.items():
        (place / name).write_text(text, encoding="utf-8")
    return place
