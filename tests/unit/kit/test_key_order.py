"""Entries of a batch: in order within their key, beside each other otherwise."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.kit.subscriptions.ordering import by_key, run_in_key_order

KEYS = st.lists(st.none() | st.sampled_from("abc"), max_size=30)


def test_what_has_no_key_is_alone() -> None:
    assert by_key(["a", None, "b", "a", None, "a"]) == [[0, 3, 5], [1], [2], [4]]
    assert by_key([]) == []


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

    asyncio.run(run_in_key_order(keys, step, concurrency))
    for lane in by_key(keys):
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

    task = asyncio.create_task(run_in_key_order([None] * 5, step, 2))
    await both.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (started, sorted(cancelled)) == ([0, 1], [0, 1])


@pytest.mark.anyio
async def test_steps_that_wait_for_nothing_share_a_task_but_not_the_event_loop() -> None:
    tasks: list[asyncio.Task[object] | None] = []
    turns: list[int] = []

    async def step(position: int) -> bool:
        tasks.append(asyncio.current_task())
        if position % 4 == 0:
            asyncio.get_running_loop().call_soon(lambda: turns.append(len(tasks)))
        return True

    await run_in_key_order([None] * 6 + ["a"] * 6, step, 4)
    assert len(tasks) == 12
    assert len(set(tasks)) == 1
    assert turns == [4, 8, 12]


@pytest.mark.anyio
async def test_a_step_that_waits_stays_in_its_task_and_others_run_beside_it() -> None:
    tasks: dict[int, list[object]] = {position: [] for position in range(4)}
    all_wait = asyncio.Barrier(3)

    async def step(position: int) -> bool:
        tasks[position].append(asyncio.current_task())
        if position:
            await all_wait.wait()
            tasks[position].append(asyncio.current_task())
        return True

    await run_in_key_order([None] * 4, step, 3)
    assert all(first is last for first, *_, last in list(tasks.values())[1:])
    assert len({tasks[position][0] for position in (1, 2, 3)}) == 3


@pytest.mark.anyio
async def test_context_variables_of_a_step_last_until_its_end_and_no_longer() -> None:
    variable: ContextVar[int | None] = ContextVar("variable", default=None)
    seen: list[tuple[int | None, int | None]] = []

    async def step(position: int) -> bool:
        before = variable.get()
        token = variable.set(position)
        for _ in range(position % 3):
            await asyncio.sleep(0)
        seen.append((before, variable.get()))
        if position % 2:
            variable.reset(token)
        return True

    await run_in_key_order([None] * 9, step, 3)
    assert sorted(seen, key=lambda pair: pair[1] or 0) == [(None, position) for position in range(9)]
    assert variable.get() is None


@pytest.mark.anyio
async def test_a_deadline_within_a_step_ends_that_step_only() -> None:
    expired: list[int] = []
    ended: list[int] = []

    async def step(position: int) -> bool:
        try:
            async with asyncio.timeout(0 if position % 2 == 0 else None):
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        except TimeoutError:
            expired.append(position)
        ended.append(position)
        return True

    await run_in_key_order(["a", "b"] * 3, step, 2)
    assert (sorted(ended), sorted(expired)) == ([0, 1, 2, 3, 4, 5], [0, 2, 4])


@pytest.mark.anyio
@pytest.mark.parametrize("waits", [False, True])
async def test_what_is_cancelled_from_within_ends_its_lane_only(waits: bool) -> None:
    run: list[int] = []

    async def step(position: int) -> bool:
        run.append(position)
        if waits:
            await asyncio.sleep(0)
        if position == 0:
            raise asyncio.CancelledError
        return True

    await run_in_key_order(["a", "a", "b", None], step, 1)
    assert run == [0, 2, 3]


@pytest.mark.anyio
async def test_an_error_of_a_step_ends_what_runs_beside_it() -> None:
    cancelled: list[int] = []

    async def step(position: int) -> bool:
        try:
            await asyncio.sleep(0 if position == 1 else 3600)
        except asyncio.CancelledError:
            cancelled.append(position)
            raise
        raise ValueError(position)

    with pytest.raises(ExceptionGroup) as raised:
        await run_in_key_order([None] * 3, step, 2)
    assert raised.group_contains(ValueError, match="1")
    assert cancelled == [0]
