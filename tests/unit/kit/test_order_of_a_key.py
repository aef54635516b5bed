"""Whatever becomes of requests, and whoever gives up: events of one key arrive in their order."""

from __future__ import annotations

import asyncio
from collections import Counter

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outboard.errors import OutboardError, PublishFailed
from outboard.kit.client.port import PublishResult
from outboard.kit.topics.queue import PublishLimits
from outboard.wire.http import ExchangeFailed
from support.publishing import Bench, Request, bench, settle

KEYS = st.sampled_from([None, "a", "b", "c"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), KEYS, st.sampled_from([0.5, 5.0])),
        st.tuples(
            st.just("answer"),
            st.sampled_from(["ok", "part", "refused", "dropped", "broken"]),
            st.integers(0, 2**16 - 1),
        ),
        st.tuples(st.just("cancel"), st.integers(0, 30), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([0.01, 0.3]), st.none()),
    ),
    max_size=60,
)
LIMITS = st.builds(
    PublishLimits,
    requests=st.integers(1, 3),
    batch_events=st.integers(1, 6),
    batch_bytes=st.sampled_from([300, 600, 2**20]),
    waiting_events=st.integers(1, 20),
)
FAILURES = {
    "refused": ExchangeFailed("connection refused", sent=False),
    "dropped": ExchangeFailed("server disconnected", dropped=True),
    "broken": ExchangeFailed("connection reset"),
}


def outcomes_of(request: Request, how: str, bits: int, *, ordered: bool) -> list[PublishResult]:
    """A sidecar that orders stops at a key's first failure; a connection that breaks, breaks for all."""
    if how in FAILURES:
        return [FAILURES[how]] * len(request.bodies)
    outcomes: list[PublishResult] = []
    stopped: set[str | None] = set()
    for position, key in enumerate(request.keys):
        bad = how == "part" and (bits >> position % 16) & 1
        if bad or (ordered and key is not None and key in stopped):
            stopped.add(key)
            outcomes.append(PublishFailed("p", "t", 500, "X", "no"))
        else:
            outcomes.append(None)
    return outcomes


def check_requests(b: Bench, *, ordered: bool) -> None:
    keys = [{key for key in request.keys if key is not None} for request in b.sidecar.in_flight]
    assert sum(map(len, keys)) == len(set().union(*keys)), "no key is in two requests at once"
    if not ordered:
        for request in b.sidecar.in_flight:
            counts = Counter(key for key in request.keys if key is not None)
            assert not counts or max(counts.values()) == 1, "nor twice in one"


async def play(steps: list[tuple[str, object, object]], limits: PublishLimits, ordered: bool) -> None:
    async with bench(limits) as b:
        cancelled: set[str] = set()
        number = 0
        for what, one, two in steps:
            if what == "publish":
                key = one if isinstance(one, str) else None
                b.publish(f"{key}-{number:03}", key, timeout=float(str(two)))
                number += 1
            elif what == "answer" and b.sidecar.in_flight:
                request = b.sidecar.in_flight[int(str(two)) % len(b.sidecar.in_flight)]
                request.end(outcomes_of(request, str(one), int(str(two)), ordered=ordered), ordered=ordered)
            elif what == "cancel" and b.tasks:
                task = b.tasks[int(str(one)) % len(b.tasks)]
                sent = any(task.get_name() in batch for batch in b.sidecar.batches)
                if task.cancel() and not sent:
                    cancelled.add(task.get_name())
            elif what == "wait":
                await b.clock.advance(float(str(one)))
            await settle()
            check_requests(b, ordered=ordered)
            assert len(b.sidecar.in_flight) <= limits.requests
        for _ in range(200):
            if all(task.done() for task in b.tasks) and not b.sidecar.in_flight:
                break
            await b.serve()
            await b.clock.advance(0.3)
        await b.clock.advance(2)
        results = await asyncio.gather(*b.tasks, return_exceptions=True)
        check_end(b, results, cancelled)


def check_end(b: Bench, results: list[BaseException | None], cancelled: set[str]) -> None:
    delivered = b.sidecar.delivered
    for key in "abc":
        first = list(dict.fromkeys(body for body in delivered if body.startswith(key)))
        assert first == sorted(first)
    for task, result in zip(b.tasks, results, strict=True):
        body = task.get_name()
        assert isinstance(result, (type(None), OutboardError, asyncio.CancelledError))
        if result is None:
            assert body in delivered, "who was told so has published"
    sent = {body for batch in b.sidecar.batches for body in batch}
    assert not cancelled & sent, "who was cancelled before has not"
    assert not b.connection._publishers, "nothing is left over"


@pytest.mark.parametrize("ordered", [False, True])
@settings(max_examples=150, deadline=None)
@given(steps=STEPS, limits=LIMITS)
def test_order_and_outcomes(
    steps: list[tuple[str, object, object]], limits: PublishLimits, ordered: bool
) -> None:
    anyio.run(play, steps, limits, ordered, backend="asyncio")
