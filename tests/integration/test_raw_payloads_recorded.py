"""A raw payload is one event to whoever asks for it, however often it is delivered."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.hops.record import HopKind
from outboard.hops.story import stories
from outboard.resources.component import Component, MetadataItem
from support.raw_payloads import hops_of_a_raw_payload

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("bulk", [False, True], ids=["alone", "in bulk"])
async def test_a_raw_payload_is_one_story(tmp_path: Path, bulk: bool) -> None:
    metadata = (
        MetadataItem("connectionString", str(tmp_path / "events.db")),
        MetadataItem("backOffDuration", "10ms"),
    )
    pubsub = Component("pubsub", "pubsub.sqlite", metadata=metadata)
    hops, given = await hops_of_a_raw_payload(pubsub, "readings", tmp_path / "hops", bulk=bulk)
    assert len(set(given)) == 1, given
    assert {hop.event.event_id for hop in hops} == set(given)
    kinds = [hop.kind for hop in hops]
    assert kinds.count(HopKind.STORED) == 1
    assert kinds.count(HopKind.DELIVERED) == kinds.count(HopKind.HANDLED) == 2
    assert len(stories(hops)) == 1
