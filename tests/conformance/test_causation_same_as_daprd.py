"""What events come of, behind daprd and ours: alone, in bulk, raw, as dead letters, and once more."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from conformance.causing import MANY
from faults.sidecars import component, daprd_beside, sidecar_beside
from support.processes import Program, eventually, free_ports, running
from support.redis import RedisServer

SERVICE = Path(__file__).with_name("causing.py")
TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACE = f"00-{TRACE_ID}-b7ad6b7169203331-01"


class Told(NamedTuple):
    """What a handler said of its event."""

    topic: str
    id: str
    correlationid: str | None
    causationid: str | None
    trace: str


@pytest.fixture(params=["outboard", pytest.param("daprd", marks=pytest.mark.engine("daprd"))])
def service(
    request: pytest.FixtureRequest, redis: RedisServer, tmp_path: Path
) -> Iterator[tuple[Program, int]]:
    """The service and its port, beside one of the sidecars. daprd's broker in memory holds a handler up that
    publishes.
    """
    resources = {"pubsub.yaml": component(type="pubsub.redis", redisHost=redis.address)}
    app_port, http_port = free_ports(2)
    variables = {"APP_PORT": str(app_port), "DAPR_HTTP_PORT": str(http_port), "APP_ID": "shop"}
    if request.param == "daprd":
        beside = daprd_beside(
            request.getfixturevalue("daprd"), tmp_path, resources, app_port=app_port, port=http_port
        )
    else:
        beside = sidecar_beside(tmp_path, resources, app_port=app_port, port=http_port)
    with running([sys.executable, str(SERVICE)], tmp_path, **variables) as program, beside:
        yield program, app_port


def told_by(program: Program, count: int) -> list[Told]:
    """What the handlers have said, once those are `count` lines."""

    def told() -> list[Told]:
        lines = program.output.splitlines(keepends=True)
        return [Told(*json.loads(line)) for line in lines if line.startswith("[") and line.endswith("\n")]

    eventually(lambda: len(told()) >= count, lambda: f"only {told()}\n{program.output}", program)
    return told()


@pytest.mark.parametrize("traced", [True, False])
def test_all_that_comes_of_a_request_says_so(service: tuple[Program, int], traced: bool) -> None:
    program, port = service
    headers = {"traceparent": TRACE, "x-correlation-id": "checkout-1"} if traced else {}
    httpx.post(f"http://127.0.0.1:{port}/start", headers=headers, trust_env=False, timeout=30)
    all_told = told_by(program, MANY * (MANY + 2) + 2)

    (conversation,) = {told.correlationid for told in all_told}
    (trace,) = {told.trace for told in all_told}
    assert (conversation, trace) == ("checkout-1", TRACE_ID) if traced else conversation == trace
    causes = {(told.topic, told.id): told.causationid for told in all_told}
    orders = [f"order-{number}" for number in range(MANY)]
    assert [causes["orders", order] for order in orders] == [None] * MANY
    for order in orders:
        assert {causes["derived", f"{order}-{number}"] for number in range(MANY)} == {order}
    assert sorted(told.causationid or "" for told in all_told if told.topic == "raw") == orders
    assert causes["bad-dead", "bad"] is None
    assert causes["bad-again", "bad"] is None, "published once more, it is what it was"
