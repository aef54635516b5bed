"""What a sidecar does to get an answer from an app: whom it asks, how often, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from outboard.resources.resiliency import CircuitBreaker, CodeRange, Resiliency, RetryPolicy, Target
from outboard.sidecar.errors import ApiError
from outboard.sidecar.invocation.guards import AppGuards
from outboard.sidecar.invocation.service import InvocationService, Reach
from outboard.sidecar.invocation.targets import AppName
from outboard.sidecar.invocation.values import (
    AnswerBody,
    AppCall,
    CallBody,
    InvocationAnswer,
    InvocationFailed,
)
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.resiliency.guard import Resilience
from support.sidecars import AutojumpClock

pytestmark = pytest.mark.anyio
LOG = SidecarLog("me", "info", "1")
REFUSED = InvocationFailed("connection refused", "Unavailable")


class Others:
    """The other sidecars, and the names of them: each attempt is answered with the next of `script`."""

    def __init__(self, script: Sequence[int | Exception], addresses: Sequence[str] = ("one",)) -> None:
        self.script = list(script)
        self.addresses = addresses
        self.called: list[str] = []
        self.bodies: list[bytes] = []
        self.forgotten: list[str] = []

    async def invoke(self, address: str, call: AppCall) -> InvocationAnswer:
        self.called.append(address)
        self.bodies.append(b"".join([chunk async for chunk in call.body.chunks()]))
        step = self.script.pop(0)
        if isinstance(step, Exception):
            raise step
        return InvocationAnswer(step, (), AnswerBody.of(str(step).encode()))

    async def forget(self, address: str) -> None:
        self.forgotten.append(address)


class Finder:
    """The names of `others`."""

    def __init__(self, others: Others) -> None:
        self.others = others
        self.forgotten: list[AppName] = []

    async def find(self, name: AppName) -> Sequence[str]:
        return self.others.addresses if name.app_id == "other" else ()

    def forget(self, name: AppName) -> None:
        self.forgotten.append(name)


def service(others: Others, policies: Resiliency | None = None) -> tuple[InvocationService, AutojumpClock]:
    clock = AutojumpClock()
    guards = AppGuards(policies or Resiliency(), Resilience(clock, lambda: 0.0, LOG))
    reach = Reach(names=Finder(others), others=others, guards=guards)
    return InvocationService(AppName("me", "default"), reach, lambda: 0.0), clock


def a_call(*, streaming: bool = False, method: str = "m") -> AppCall:
    async def body() -> AsyncIterator[bytes]:
        yield b"bo"
        yield b"dy"

    return AppCall(method, "POST", "", (), CallBody(body()), streaming=streaming)


async def text(answer: InvocationAnswer) -> str:
    return ((await answer.whole()).data or b"").decode()


async def test_who_is_not_reached_is_tried_again_three_times() -> None:
    others = Others([REFUSED, REFUSED, REFUSED, 200])
    calls, clock = service(others)
    assert await text(await calls.invoke("other", a_call())) == "200"
    assert (others.bodies, clock.slept) == ([b"body"] * 4, [1.0] * 3)
    others.script = [REFUSED] * 4
    with pytest.raises(ApiError) as caught:
        await calls.invoke("other", a_call())
    assert str(caught.value) == (
        "failed to invoke, id: other, err: failed to invoke target other after 3 retries. "
        "Error: rpc error: code = Unavailable desc = connection refused"
    )


@pytest.mark.parametrize("failure", [InvocationFailed("no", "Internal"), InvocationFailed("no")])
async def test_what_was_refused_is_not_tried_again(failure: InvocationFailed) -> None:
    others = Others([failure])
    with pytest.raises(ApiError):
        await service(others)[0].invoke("other", a_call())


async def test_a_body_of_unknown_length_goes_once() -> None:
    others = Others([REFUSED])
    with pytest.raises(ApiError, match="err: rpc error: code = Unavailable"):
        await service(others)[0].invoke("other", a_call(streaming=True))


async def test_another_sidecar_of_the_app_is_asked_next() -> None:
    others = Others([REFUSED, 200], ("one", "two"))
    await service(others)[0].invoke("other", a_call())
    assert (others.called, others.forgotten) == (["one", "two"], ["one"])


@pytest.mark.parametrize("status", [200, 302, 399, 404, 500])
async def test_an_answer_is_one_whatever_its_status(status: int) -> None:
    answer = await service(Others([status]))[0].invoke("other", a_call())
    assert (answer.status, await text(answer)) == (status, str(status))


def retrying() -> Resiliency:
    retry = RetryPolicy(duration=1.0, max_retries=2, http_codes=(CodeRange(500, 599),))
    return Resiliency(retries={"r": retry}, apps={"other": Target(retry="r")})


async def test_policies_match_statuses() -> None:
    others = Others([503, 500, 200, 404])
    calls, _ = service(others, retrying())
    assert (await calls.invoke("other", a_call())).status == 200
    assert (await calls.invoke("other", a_call())).status == 404
    assert others.bodies == [b"body"] * 4


async def test_a_policy_counts_instead_of_the_built_in_retries() -> None:
    others = Others([REFUSED] * 3)
    with pytest.raises(ApiError, match="err: rpc error: code = Unavailable"):
        await service(others, retrying())[0].invoke("other", a_call())
    assert not others.script


async def test_default_policies_count_for_an_app_that_is_no_target() -> None:
    default = Resiliency(retries={"DefaultAppRetryPolicy": RetryPolicy(duration=1.0, max_retries=1)})
    others = Others([500, 200])
    assert (await service(others, default)[0].invoke("other", a_call())).status == 200


async def test_a_circuit_breaker_is_that_of_a_method() -> None:
    breaker = CircuitBreaker()
    policies = Resiliency(circuit_breakers={"b": breaker}, apps={"other": Target(circuit_breaker="b")})
    others = Others([500] * 6 + [200])
    calls, _ = service(others, policies)
    for _ in range(6):
        await calls.invoke("other", a_call())
    with pytest.raises(ApiError, match="circuit breaker is open"):
        await calls.invoke("other", a_call())
    assert (await calls.invoke("other", a_call(method="n"))).status == 200


async def test_a_timeout_is_about_the_body_too() -> None:
    policies = Resiliency(timeouts={"t": 0.05}, apps={"other": Target(timeout="t")})

    class Slow(Others):
        async def invoke(self, address: str, call: AppCall) -> InvocationAnswer:
            async def body() -> AsyncIterator[bytes]:
                yield b"first"
                await asyncio.Event().wait()

            return InvocationAnswer(200, (), AnswerBody(body()))

    answer = await service(Slow([]), policies)[0].invoke("other", a_call())
    assert await anext(answer.body) == b"first"
    with pytest.raises(InvocationFailed, match="context deadline exceeded"):
        await anext(answer.body)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nobody", "no host found with the given ID"),
        ("a.b.c", "invalid app id a.b.c"),
        ("", "app id is empty"),
        ("me", "cannot invoke local endpoint: app channel not initialized"),
    ],
)
async def test_whom_nobody_can_call(target: str, reason: str) -> None:
    with pytest.raises(ApiError) as caught:
        await service(Others([]))[0].invoke(target, a_call())
    assert str(caught.value) == f"failed to invoke, id: {target}, err: {reason}"
