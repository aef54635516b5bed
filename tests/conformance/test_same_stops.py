"""What the app gets when the sidecar ends in the middle of a delivery, and the exit code."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest

from conformance.differences import REASONS
from conformance.questions.stops import STOPS, Stop
from conformance.stopping import Ended

pytestmark = [
    pytest.mark.engine("daprd"),
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it"),
]


@pytest.mark.parametrize("stop", [pytest.param(stop, id=stop.name) for stop in STOPS])
def test_same_stop(stop: Stop, endings: Mapping[str, tuple[Ended, Ended]]) -> None:
    real, ours = endings[stop.name]
    if f"stop-{stop.name}" in REASONS:
        assert ours != real, (
            f"no longer a difference; take it out of the table: {REASONS[f'stop-{stop.name}']}"
        )
    else:
        assert ours == real
