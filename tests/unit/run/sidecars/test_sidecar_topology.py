"""What the topology says of an app whose sidecar is in this process."""

from __future__ import annotations

import pytest

from outboard.resources.loader import Resources
from outboard.run.output.topology import topology_lines
from outboard.run.sidecars.sidecar_topology import topology_of
from support.sidecars import Hops, ScriptedApp, component, sidecar_for

pytestmark = pytest.mark.anyio


async def test_bulk_that_cannot_be_is_remarked() -> None:
    pubsubs = component("one", "pubsub.in-memory"), component("many", "pubsub.in-memory", partitions="2")
    app = ScriptedApp(
        [
            {"pubsubname": "one", "topic": "t", "route": "/on", "bulkSubscribe": {"enabled": True}},
            {"pubsubname": "many", "topic": "t", "route": "/on", "bulkSubscribe": {"enabled": True}},
            {"pubsubname": "one", "topic": "single", "route": "/single"},
        ]
    )
    async with sidecar_for(app, Resources(pubsubs), Hops()).running() as sidecar:
        lines = topology_lines(topology_of(sidecar.info))
    assert lines[1:4] == [
        "  t of one at /on, in bulk (but one event at a time: pubsub.in-memory without `partitions` hands "
        "over one event when the one before it is done. Give the component `partitions`, or ask for no bulk)",
        "  t of many at /on, in bulk",
        "  single of one at /single",
    ]


async def test_who_has_no_port_is_told_how_to_give_one() -> None:
    """`outboard run python -m uvicorn main:app` is what a newcomer writes first."""
    async with sidecar_for(None, Resources(()), Hops()).running() as sidecar:
        lines = topology_lines(topology_of(sidecar.info))
    assert lines[0].endswith("takes no topic (it has no `appPort` (`--app-port`), and is not called)")
