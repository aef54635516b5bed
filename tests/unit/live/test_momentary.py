"""A sidecar of a command's own, beside others."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.live.components import choose
from outboard.live.momentary import serving
from outboard.live.places import SearchPlaces

pytestmark = pytest.mark.anyio

COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: store}
spec:
  type: state.sqlite
  version: v1
  metadata: [{name: connectionString, value: state.db}]
"""


async def test_it_needs_no_port_that_another_sidecar_has(tmp_path: Path) -> None:
    (tmp_path / "store.yaml").write_text(COMPONENT, encoding="utf-8")
    places = SearchPlaces(tmp_path, tmp_path, {}, app_id="shop", resources=(tmp_path,))
    chosen = choose(places, "state", "")
    async with serving(chosen, places) as one, serving(chosen, places) as other:
        assert one.endpoint != other.endpoint
