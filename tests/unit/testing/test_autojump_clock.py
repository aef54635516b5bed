from __future__ import annotations

from datetime import timedelta

import pytest

from outboard.testing.clock import AutojumpClock

pytestmark = pytest.mark.anyio


async def test_a_sleep_passes_its_time_at_once() -> None:
    clock = AutojumpClock()
    before = clock.now()
    await clock.sleep(3600)
    await clock.sleep(-5)
    assert clock.monotonic() == 3600
    assert clock.now() - before == timedelta(hours=1)
