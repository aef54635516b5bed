"""Entries of a batch: in order within their key, beside each other otherwise."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.kit.subscriptions.lanes import lanes, run_in_lanes

KEYS = st.lists(st.none() | st.sampled_from("abc"), max_size=30)


def test_what_has_no_key_is_alone() -> None:
    assert lanes(["a", None, "b", "a", None, "a"]) == [[0, 3, 5], [1], [2], [4]]
    assert lanes([]) == []


@given(KEYS, st.sets(st.integers(0, 29)), st.integers(1, 5))
def test_order_bound_and_stop(keys: list[str | None], failing: set[int], concurrency: int) -> None:
    run: list[int] = []
    ended: list[int] = []

    async def step(position: int) -> bool:
        run.append(position)
        assert len(run) - len(ended) <= concurrency
        for _ in range(position % 3):
            await asyncio.sleep(0)
        ended.append(position)
        return position not in failing

    asyncio.run(run_in_lanes(keys, step, concurrency))
    for lane in lanes(keys):
        stop = next((index for index, position in enumerate(lane) if position in failing), len(lane))
        expected = lane[: stop + 1]
        assert [position for position in run if position in lane] == expected
        assert [position for position in ended if position in lane] == expected


@pytest.mark.anyio
async def test_a_cancelled_delivery_cancels_what_is_running_and_starts_no_more() -> None:
    started: list[int] = []
    cancelled: list[int] = []
    both = asyncio.Event()

    async def step(position: int) -> bool:
        started.append(position)
        if len(started) == 2:
            both.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(position)
            raise
        return True

    task = asyncio.create_task(run_in_lanes([None] * 5, step, 2))
    await both.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (started, sorted(cancelled)) == ([0, 1], [0, 1])
