"""Resiliency policies at work: what is tried again, when, and what is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from outboard.resources.resiliency import CircuitBreaker, CodeRange, Policies, RetryPolicy
from outboard.sidecar.delivery.decisions import NotDelivered
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.metrics.families import exposition
from outboard.sidecar.metrics.meters import Meters
from outboard.sidecar.resiliency.failure import CircuitOpen, Failure, TimedOut
from outboard.sidecar.resiliency.guard import Guard, Resilience
from support.sidecars import AutojumpClock

pytestmark = pytest.mark.anyio

TWICE = RetryPolicy(duration=2.0, max_retries=2)
BREAKER = CircuitBreaker(trip="consecutiveFailures >= 2", timeout=10.0, name="cb")


class Bench:
    def __init__(self) -> None:
        self.clock = AutojumpClock()
        self.resilience = Resilience(self.clock, lambda: 0.5, SidecarLog("api", "info", "v"))
        self.attempts = 0

    def guard(
        self,
        timeout: float | None = None,
        retry: RetryPolicy | None = None,
        breaker: CircuitBreaker | None = None,
    ) -> Guard:
        return self.resilience.guard("orders", "input", Policies(timeout, retry, breaker))

    def outcomes(self, *outcomes: Exception | str) -> Callable[[], Awaitable[str]]:
        """An operation with these outcomes, the last of them again and again."""

        async def operation() -> str:
            outcome = outcomes[min(self.attempts, len(outcomes) - 1)]
            self.attempts += 1
            if isinstance(outcome, Exception):
                raise outcome
            return outcome

        return operation


async def test_without_policies_there_is_one_attempt() -> None:
    bench = Bench()
    with pytest.raises(Failure, match="away"):
        await bench.guard().run(bench.outcomes(Failure("away")))
    assert (bench.attempts, bench.clock.slept) == (1, [])


async def test_a_failure_is_tried_again_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench()

    result = await bench.guard(retry=TWICE).run(bench.outcomes(Failure("a"), Failure("b"), "done"))

    assert (result, bench.attempts, bench.clock.slept) == ("done", 3, [2.0, 2.0])
    assert caplog.messages == [
        "Error processing operation component[orders] input. Retrying in 2s…",
        "Recovered processing operation component[orders] input after 3 attempts",
    ]


async def test_after_so_many_retries_the_last_failure_counts() -> None:
    bench = Bench()
    with pytest.raises(Failure, match="c"):
        await bench.guard(retry=TWICE).run(bench.outcomes(Failure("a"), Failure("b"), Failure("c")))
    assert bench.attempts == 3


async def test_a_status_that_does_not_match_is_not_tried_again() -> None:
    bench, retry = Bench(), RetryPolicy(http_codes=(CodeRange(500, 503),))
    with pytest.raises(Failure, match="bad request"):
        await bench.guard(retry=retry).run(
            bench.outcomes(
                NotDelivered("busy", 503), NotDelivered("no answer"), NotDelivered("bad request", 400)
            )
        )
    assert bench.attempts == 3


async def test_a_mistake_in_the_operation_is_not_hidden_by_retries() -> None:
    bench = Bench()
    with pytest.raises(ZeroDivisionError):
        await bench.guard(retry=TWICE).run(bench.outcomes(ZeroDivisionError()))
    assert bench.attempts == 1


async def test_each_attempt_has_the_whole_timeout() -> None:
    bench, late = Bench(), list[int]()

    async def hangs() -> None:
        bench.attempts += 1
        await asyncio.Event().wait()

    with pytest.raises(TimedOut, match="context deadline exceeded"):
        await bench.guard(timeout=0.001, retry=TWICE).run(hangs, lambda: late.append(bench.attempts))
    assert late == [1, 2, 3]


async def test_a_timeout_inside_the_operation_is_not_that_of_the_policy() -> None:
    bench = Bench()
    with pytest.raises(TimeoutError):
        await bench.guard(timeout=60.0, retry=TWICE).run(bench.outcomes(TimeoutError()))
    assert bench.attempts == 1


@pytest.mark.parametrize("timeout", [None, 0.0, -1.0])
async def test_a_timeout_of_nothing_is_none(timeout: float | None) -> None:
    bench = Bench()

    async def takes_a_turn() -> str:
        await asyncio.sleep(0)
        return "done"

    assert await bench.guard(timeout=timeout).run(takes_a_turn) == "done"


async def test_an_open_breaker_ends_retrying(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench()

    with pytest.raises(CircuitOpen, match="circuit breaker is open"):
        await bench.guard(retry=RetryPolicy(duration=1.0), breaker=BREAKER).run(
            bench.outcomes(Failure("away"))
        )

    assert (bench.attempts, bench.clock.slept) == (2, [1.0, 1.0])
    assert 'Circuit breaker "cb-orders" changed state from closed to open' in caplog.messages


async def test_a_breaker_belongs_to_the_component_whatever_the_direction(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    bench = Bench()
    inbound = bench.guard(breaker=BREAKER)
    other = CircuitBreaker(trip="consecutiveFailures >= 9", name="other")
    outbound = bench.resilience.guard("orders", "output", Policies(circuit_breaker=other))
    elsewhere = bench.resilience.guard("payments", "output", Policies(circuit_breaker=BREAKER))
    for _ in range(2):
        with pytest.raises(Failure, match="away"):
            await inbound.run(bench.outcomes(Failure("away")))

    with pytest.raises(CircuitOpen):
        await outbound.run(bench.outcomes("done"))
    assert await elsewhere.run(bench.outcomes("done")) == "done"

    bench.clock.seconds += 10.1
    assert await outbound.run(bench.outcomes("done")) == "done"
    assert [message for message in caplog.messages if "half-open" in message] == [
        'Circuit breaker "cb-orders" changed state from open to half-open',
        'Circuit breaker "cb-orders" changed state from half-open to closed',
    ]


async def test_an_attempt_that_is_cancelled_does_not_occupy_a_half_open_breaker() -> None:
    bench = Bench()
    guard = bench.guard(breaker=BREAKER)
    for _ in range(2):
        with pytest.raises(Failure, match="away"):
            await guard.run(bench.outcomes(Failure("away")))
    bench.clock.seconds += 10.1
    hanging = asyncio.create_task(guard.run(asyncio.Event().wait))
    await asyncio.sleep(0)
    with pytest.raises(CircuitOpen, match="too many requests"):
        await guard.run(bench.outcomes("done"))

    hanging.cancel()
    await asyncio.wait((hanging,))

    bench.clock.seconds += 10.1
    assert await guard.run(bench.outcomes("done")) == "done"


async def test_what_its_policies_end_is_a_failure_as_a_component_s_own_is() -> None:
    bench = Bench()

    async def hangs() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Failure, match="context deadline exceeded"):
        await bench.guard(timeout=0.001).run(hangs)


async def test_what_policies_do_is_measured_if_somebody_asks() -> None:
    bench, meters = Bench(), Meters("shop", "")
    meters.policies.loaded("mine")
    resilience = replace(bench.resilience, meters=meters.policies)
    guard = resilience.guard("orders", "input", Policies(5.0, TWICE, BREAKER), target="Pubsub_orders")
    for _ in range(2):
        with pytest.raises(Failure):
            await guard.run(bench.outcomes(Failure("away")))
    told = exposition(meters.families, {}).splitlines()
    labels = 'app_id="shop",flow_direction="inbound",name="mine",namespace="",policy="{}",status="{}"'

    def value(metric: str, policy: str, status: str = "") -> str:
        start = f'dapr_resiliency_{metric}{{{labels.format(policy, status)},target="Pubsub_orders"}} '
        return next((line.removeprefix(start) for line in told if line.startswith(start)), "")

    assert [value("count", policy) for policy in ("retry", "timeout")] == ["2", "2"]
    assert [value("count", "circuitbreaker", state) for state in ("closed", "open")] == ["1", "1"]
    assert [value("activations_total", "retry"), value("activations_total", "timeout")] == ["1", ""]
    assert value("activations_total", "circuitbreaker", "open") == "1"
    states = ("closed", "half-open", "open", "unknown")
    assert [value("cb_state", "circuitbreaker", state) for state in states] == ["0", "0", "1", "0"]
