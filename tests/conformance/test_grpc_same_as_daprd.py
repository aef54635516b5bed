"""The same calls over gRPC to the real daprd and to `outboard sidecar`, and the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence

import pytest
from anyio.from_thread import BlockingPortal

from conformance.asking import Observed, Pair, masked_deliveries, pair
from conformance.comparing import differences
from conformance.grpc_asking import Said, grpc_answers
from conformance.grpc_cases import BARE, CASES, CONFIGURED, MAIN, TOKEN, Case
from conformance.question import Group
from conformance.sidecars import Program

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(120)]

GROUPS = (MAIN, BARE, CONFIGURED, TOKEN)
Compare = Callable[[Group, Case], None]


@pytest.fixture(scope="module")
def compare(
    programs: tuple[Program, Program], portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Compare]:
    """Asks both sidecars of a group, each started at its first case, and asserts that they do the same."""
    running: dict[str, Pair] = {}
    managers = []

    def of(group: Group, case: Case) -> None:
        if group.name not in running:
            folder = tmp_path_factory.mktemp(group.name)
            manager = portal.wrap_async_context_manager(pair(programs, group, folder))
            running[group.name] = manager.__enter__()
            managers.append(manager)
        real, ours = portal.call(_ask_both, running[group.name], case)
        assert len(real.deliveries) == case.deliveries, f"daprd delivered {real.deliveries}"
        found = differences(real, ours)
        assert not found, "\n".join(found)

    try:
        yield of
    finally:
        for manager in reversed(managers):
            manager.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("group", "case"),
    [
        pytest.param(group, case, id=f"{group.name}/{case.name}")
        for group in GROUPS
        for case in CASES[group.name]
    ],
)
def test_same_answer_over_grpc(group: Group, case: Case, compare: Compare) -> None:
    compare(group, case)


async def _ask_both(both: Pair, case: Case) -> tuple[Observed, Observed]:
    async def ask(name: str) -> Observed:
        sidecar = both.real if name == "real" else both.ours
        sidecar.app.forget()
        answers: Sequence[Said] = await grpc_answers(sidecar, case.calls)
        paths = frozenset(case.paths)
        if paths:
            async with asyncio.timeout(15):
                await sidecar.app.until(paths, case.deliveries)
        received = masked_deliveries(sidecar, (), paths)
        return Observed(tuple(answers), tuple(sorted(received, key=repr)))  # neither promises an order

    real, ours = await asyncio.gather(ask("real"), ask("ours"))
    return real, ours
