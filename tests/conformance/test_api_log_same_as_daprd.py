"""What the log tells of calls of the API, over HTTP and over gRPC: as the real daprd's."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal

from conformance.grpc_asking import calling, grpc_answers
from conformance.grpc_cases import get, publish
from conformance.http1 import exchange
from conformance.question import Group
from conformance.questions.files import component
from conformance.sidecars import Program, running

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(120)]

GROUP = Group(
    "api-log",
    (),
    {"all.yaml": component("ps", "pubsub.in-memory")},
    ("--enable-api-logging", "--log-as-json"),
    app=False,
)
CALLS = (publish("ps", "t", b"1"), get("nope", "k"), calling("GetMetadata"), calling("Nope"))
TOLD = frozenset({"HTTP API Called", "gRPC API Called"})
COMPARED = ("msg", "method", "code", "scope", "level")


async def told(program: Program, folder: Path) -> list[dict[str, str]]:
    async with running(program, GROUP, folder / program.name) as sidecar:
        await exchange(sidecar.port, "POST", "/v1.0/publish/ps/t", b"1", {"user-agent": "me"})
        await exchange(sidecar.port, "GET", "/v1.0/state/nope/k", b"", {})
        await grpc_answers(sidecar, CALLS)
        await asyncio.sleep(0.2)  # daprd writes it behind its answer
        lines = (sidecar.folder / "log").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines if any(each in line for each in TOLD)]
    return [{name: str(each.get(name)) for name in COMPARED} for each in found if "healthz" not in str(each)]


def test_the_same_is_logged(
    programs: tuple[Program, Program], portal: BlockingPortal, tmp_path: Path
) -> None:
    real, ours = (portal.call(told, each, tmp_path) for each in programs)
    assert ours == real
    assert {each["msg"] for each in ours} == TOLD
