"""What both sidecars measure of calls, of gRPC and of Resiliency when they are asked the same, but times."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import grpc
import pytest
from anyio.from_thread import BlockingPortal
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import invoke_pb2, state_pb2

from conformance.grpc_mirror import Script, ScriptedMirror, proxied
from conformance.http1 import exchange
from conformance.pairs_of_sidecars import CALLEE, CALLER, Mirror, Pair, all_pairs, pairs
from conformance.sidecars import Program
from conformance.test_metrics_same_as_daprd import Family, counted, families, metrics_of

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(300)]

COMPARED = ("dapr_grpc_io_", "dapr_runtime_service_invocation_", "dapr_resiliency_", "dapr_http_client_")
DAPR = "/dapr.proto.runtime.v1.Dapr"
INVOKED = invoke_pb2.InvokeServiceRequest(id=CALLEE, message=common_pb2.InvokeRequest(method="x"))
RESILIENCY = """
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: calls
spec:
  policies:
    timeouts: {long: 20s}
    retries:
      some: {policy: constant, duration: 10ms, maxRetries: 2}
    circuitBreakers:
      soon: {maxRequests: 1, timeout: 60s, trip: consecutiveFailures >= 2}
  targets:
    apps:
      callee: {retry: some, timeout: long, circuitBreaker: soon}
      nobody: {retry: some}
"""


async def over_grpc(pair: Pair[ScriptedMirror]) -> None:
    port = pair.caller.ports[1]
    for target in (CALLEE, CALLER, "nobody"):
        await exchange(pair.caller.port, "POST", f"/v1.0/invoke/{target}/method/x", b"hello", {})
        asked = invoke_pb2.InvokeServiceRequest(id=target, message=INVOKED.message).SerializeToString()
        await proxied(port, f"{DAPR}/InvokeService", [asked])
        await proxied(port, "Told", metadata=(("dapr-app-id", target),))
    await proxied(port, "Told", metadata=(("dapr-app-id", CALLEE), ("dapr-stream", "true")))
    await proxied(port, "Told")
    get = state_pb2.GetStateRequest(store_name="x", key="k").SerializeToString()
    await proxied(port, f"{DAPR}/GetState", [get])
    pair.app.script = Script(code=grpc.StatusCode.ABORTED, message="no")
    for _ in range(3):
        await proxied(port, "Told", metadata=(("dapr-app-id", CALLEE),))
    pair.app.script = Script()


async def over_http(pair: Pair[Mirror]) -> None:
    for target, status in ((CALLEE, 200), (CALLER, 200), (CALLEE, 404)):
        pair.app.status = status
        await exchange(pair.caller.port, "POST", f"/v1.0/invoke/{target}/method/a/b?x=1", b"hello", {})
    pair.app.status = 200


async def measured(pair: Pair[ScriptedMirror] | Pair[Mirror]) -> Mapping[str, Mapping[str, Family]]:
    return {
        each.folder.name: {
            name: family
            for name, family in families(await metrics_of(each)).items()
            if name.startswith(COMPARED)
        }
        for each in (pair.caller, pair.callee)
    }


def assert_same(theirs: Mapping[str, Family], ours: Mapping[str, Family], where: str) -> None:
    assert theirs.keys() == ours.keys(), where
    for name, family in theirs.items():
        assert (ours[name].kind, ours[name].help) == (family.kind, family.help), name
        assert asked_of_all(counted(ours[name])) == asked_of_all(counted(family)), f"{where}: {name}"


def asked_of_all(samples: Mapping[str, str]) -> dict[str, str]:
    """Without what a sidecar asks of each app at its start, which totals count, too."""
    return {
        name: value
        for name, value in samples.items()
        if "/dapr/" not in name and "client_received_bytes_count" not in name
    }


def test_calls_of_apps_over_grpc(
    portal: BlockingPortal, programs: tuple[Program, Program], tmp_path: Path
) -> None:
    app, chosen = ScriptedMirror(), {name: all_pairs(programs)[name] for name in ("daprd-daprd", "ours-ours")}
    starting = pairs(chosen, tmp_path, app, "", ["--app-protocol=grpc"], {"calls.yaml": RESILIENCY})
    with (
        portal.wrap_async_context_manager(app.serving()),
        portal.wrap_async_context_manager(starting) as both,
    ):
        for pair in both:
            portal.call(over_grpc, pair)
        theirs, ours = (portal.call(measured, pair) for pair in both)
    for where in theirs:
        assert_same(theirs[where], ours[where], where)


def test_calls_of_apps_over_http(
    portal: BlockingPortal, programs: tuple[Program, Program], tmp_path: Path
) -> None:
    app, chosen = Mirror(), {name: all_pairs(programs)[name] for name in ("daprd-daprd", "ours-ours")}
    starting = pairs(chosen, tmp_path, app)
    with (
        portal.wrap_async_context_manager(app.serving()),
        portal.wrap_async_context_manager(starting) as both,
    ):
        for pair in both:
            portal.call(over_http, pair)
        theirs, ours = (portal.call(measured, pair) for pair in both)
    for where in theirs:
        assert_same(theirs[where], ours[where], where)
