"""What both sidecars measure when they are asked the same: names, labels, kinds, help texts, and counts."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from anyio.from_thread import BlockingPortal

from conformance.http1 import Answer, exchange
from conformance.question import Ask, Entries, Group, Question, answered, ask, responds, subscribed
from conformance.sidecars import Program, Running, running

BULK_SLIP = 'component="pubsubName"'
"""daprd's own word for the component, where a subscription is in bulk."""
SETTLED = 10.0
"""Seconds: no more than a bound that ends a hopeless wait."""
COMPONENT = (
    "apiVersion: dapr.io/v1alpha1\nkind: Component\n"
    "metadata: {{name: {name}}}\nspec: {{type: {type}, version: v1}}\n"
)
FILES = {
    f"{name}.yaml": COMPONENT.format(name=name, type=type)
    for name, type in (
        ("ps", "pubsub.in-memory"),
        ("store", "state.in-memory"),
        ("sec", "secretstores.local.env"),
    )
}
TOPICS = ("ok", "drop", "gone", "again", "nobody", "unrouted", "dead-lettered")
JSON = {"content-type": "application/json"}
ENTRY = '{"entryId":"1","event":{"a":1},"contentType":"application/json"}'
QUESTION = Question(
    "metrics",
    (),
    asks=(
        *(Ask("POST", f"/v1.0/publish/ps/{topic}", b'{"a":1}', JSON) for topic in TOPICS),
        ask("POST", "/v1.0/publish/nowhere/x", {}, content_type="application/json"),
        Ask("POST", "/v1.0/publish/bulk/ps/batch", f"[{ENTRY}]".encode(), JSON),
        ask("POST", "/v1.0/state/store", [{"key": "a", "value": 1}]),
        ask("GET", "/v1.0/state/store/a"),
        ask("GET", "/v1.0/state/store/nothing"),
        ask("POST", "/v1.0/state/store/bulk", {"keys": ["a"]}),
        ask("DELETE", "/v1.0/state/store/a", If_Match="99"),
        ask("DELETE", "/v1.0/state/store/a"),
        ask("POST", "/v1.0/state/store/transaction",
            {"operations": [{"operation": "upsert", "request": {"key": "k", "value": 1}}]}),
        ask("GET", "/v1.0/secrets/sec/HOME"),
        ask("GET", "/v1.0/secrets/sec/bulk"),
        ask("GET", "/v1.0/secrets/nowhere/x"),
        ask("GET", "/v1.0/unknown"),
    ),
    subscriptions=(
        *(subscribed(topic) for topic in ("ok", "drop", "gone", "again")),
        subscribed("dead-lettered", deadLetterTopic="dead"),
        {"pubsubname": "ps", "topic": "unrouted",
         "routes": {"rules": [{"match": "event.type == 'x'", "path": "/ok"}]}},
        subscribed("batch", bulkSubscribe={"enabled": True, "maxAwaitDurationMs": 10}),
    ),
    answers={
        "/drop": (answered("DROP"),),
        "/gone": (responds(404),),
        "/again": (answered("RETRY"),),
        "/dead-lettered": (answered("RETRY"),),
        "/batch": (Entries(("SUCCESS",)),),
    },
    deliveries=6,
)  # fmt: skip
GROUP = Group("metrics", (QUESTION,), FILES)


class Family(NamedTuple):
    """What is told of one family: kind, help, and each sample by what stands before its value."""

    kind: str
    help: str
    samples: Mapping[str, str]


def families(text: str) -> dict[str, Family]:
    """Those of Dapr in Prometheus' text, by name."""
    found: dict[str, Family] = {}
    for name, help, kind, samples in re.findall(
        r"# HELP (dapr_\S+) (.*)\n# TYPE \S+ (\S+)\n((?:dapr_.*\n)*)", text
    ):
        lines = [line.rpartition(" ") for line in samples.splitlines()]
        found[name] = Family(kind, help, {sample: value for sample, _, value in lines})
    return found


def counted(family: Family) -> dict[str, str]:
    """The samples that do not tell how long something took, or how large an answer was."""
    return {
        name: value
        for name, value in family.samples.items()
        if "_bucket{" not in name and "_sum{" not in name
    }


async def measured(program: Program, folder: Path) -> dict[str, Family]:
    async with running(program, GROUP, folder) as sidecar:
        sidecar.app.prepare(QUESTION.answers)
        for each in QUESTION.asks:
            await exchange(sidecar.port, each.method, each.target, each.body, each.headers)
        async with asyncio.timeout(SETTLED):
            while not settled(text := await metrics_of(sidecar)):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.05)
        return families(text.replace(BULK_SLIP, 'component="ps"'))


async def metrics_of(sidecar: Running) -> str:
    answer = await exchange(sidecar.ports[3], "GET", "/metrics", b"", {})
    assert isinstance(answer, Answer)
    return answer.body.decode()


def settled(text: str) -> bool:
    """Whether each event has come to its end: those that are tried again count twice, with daprd's end."""
    found = families(text)
    delivered = found.get("dapr_component_pubsub_ingress_count", Family("", "", {}))
    in_bulk = found.get("dapr_component_pubsub_ingress_bulk_event_count", Family("", "", {}))
    return sum(map(int, delivered.samples.values())) >= 8 and bool(in_bulk.samples)


@pytest.mark.engine("daprd")
def test_metrics_are_those_of_daprd(
    programs: tuple[Program, Program], portal: BlockingPortal, tmp_path: Path
) -> None:
    theirs, ours = (portal.call(measured, each, tmp_path / each.name) for each in programs)

    for name, family in theirs.items():
        assert ours[name].kind == family.kind, name
        assert ours[name].help == family.help, name
        if not name.endswith("_latencies"):
            assert without_health(counted(ours[name])) == without_health(counted(family)), name
        else:
            assert counted(ours[name]).keys() >= counted(family).keys(), name
        assert bounds(ours[name]) == bounds(family), name


def bounds(family: Family) -> list[str]:
    """The upper bounds of the buckets, as they are written."""
    return sorted({found[1] for name in family.samples if (found := re.search(r'le="([^"]*)"', name))})


def without_health(samples: Mapping[str, str]) -> dict[str, str]:
    """Until a sidecar is ready it is asked so often as it takes; and in the totals those count too."""
    return {
        name: value
        for name, value in samples.items()
        if 'path="/v1.0/healthz"' not in name and "_bytes_count" not in name
    }


BROKEN = COMPONENT.replace("version: v1", "version: v1, ignoreErrors: true")
FAILING = Group(
    "failing components",
    (),
    {
        "ps.yaml": COMPONENT.format(name="ps", type="pubsub.in-memory"),
        "broken.yaml": BROKEN.format(name="broken", type="pubsub.kafka"),
        "unknown.yaml": BROKEN.format(name="unknown", type="pubsub.nothing"),
    },
    flags=("--enable-app-health-check", "--app-health-probe-interval=1"),
)
PROBES = "dapr_http_healthprobes_completed_count"


async def texts_of(program: Program, folder: Path) -> str:
    """What is served once the app was probed."""
    async with running(program, FAILING, folder) as sidecar, asyncio.timeout(SETTLED):
        while PROBES not in (text := await metrics_of(sidecar)):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
        return text


@pytest.mark.engine("daprd")
def test_failures_probes_and_the_process_are_told_as_daprd_does(
    programs: tuple[Program, Program], portal: BlockingPortal, tmp_path: Path
) -> None:
    texts = [portal.call(texts_of, each, tmp_path / each.name) for each in programs]
    theirs, ours = map(families, texts)
    failures = "dapr_runtime_component_init_fail_total"
    assert len(theirs[failures].samples) == 3
    for name in (failures, "dapr_runtime_component_init_total", "dapr_runtime_component_loaded"):
        assert ours[name] == theirs[name]
    for name in (PROBES, "dapr_http_healthprobes_roundtrip_latency"):
        assert (ours[name].kind, ours[name].help) == (theirs[name].kind, theirs[name].help)
        assert ours[name].samples.keys() == theirs[name].samples.keys()
    if sys.platform == "linux":
        assert heads_of_process(texts[1]) == heads_of_process(texts[0])


def heads_of_process(text: str) -> list[str]:
    """Name, help and kind of what is told of the process."""
    return [line for line in text.splitlines() if line.startswith(("# HELP process_", "# TYPE process_"))]
