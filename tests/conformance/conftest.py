"""Both sidecars for the tests of this folder.

The answers are collected when the first test wants one: several groups at a time, because most of a small
group's time is spent waiting for its sidecars to start.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal

from conformance.asking import Observed, ask_all, pair
from conformance.comparing import differences
from conformance.question import Group, Question
from conformance.questions import GROUPS
from conformance.questions.starts import STARTS, Start
from conformance.questions.stops import STOPS, Stop
from conformance.sidecars import Program
from conformance.starting import Outcome, start_both
from conformance.stopping import Ended, stop_both
from conformance.strategies import GROUP

AT_ONCE = 4

Answers = Mapping[str, tuple[Observed, Observed]]
Outcomes = Mapping[str, tuple[Outcome, Outcome]]
Endings = Mapping[str, tuple[Ended, Ended]]


@pytest.fixture(scope="session")
def programs(daprd: Path) -> tuple[Program, Program]:
    """daprd, and the sidecar of this package."""
    ours = (sys.executable, "-m", "outboard", "sidecar")
    return Program("daprd", (str(daprd),)), Program("outboard", ours)


@pytest.fixture(scope="session")
def portal() -> Iterator[BlockingPortal]:
    """An event loop that lives as long as the tests do."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="session")
def answers(
    programs: tuple[Program, Program],
    portal: BlockingPortal,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Answers:
    """What daprd and ours did about each question of the groups that are wanted in this run, by its name."""
    wanted = _parameters(request.session.items, "group")
    groups = [group for group in GROUPS if group in wanted]
    return portal.call(_ask_groups, programs, groups, tmp_path_factory.mktemp("groups"))


@pytest.fixture(scope="session")
def outcomes(
    programs: tuple[Program, Program],
    portal: BlockingPortal,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Outcomes:
    """How daprd and ours started, for each start that is wanted in this run, by its name."""
    wanted = _parameters(request.session.items, "start")
    starts = [start for start in STARTS if start in wanted]
    return portal.call(_start_all, programs, starts, tmp_path_factory.mktemp("starts"))


@pytest.fixture(scope="session")
def endings(
    programs: tuple[Program, Program],
    portal: BlockingPortal,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Endings:
    """How daprd and ours ended, for each stop that is wanted in this run, by its name."""
    wanted = _parameters(request.session.items, "stop")
    stops = [stop for stop in STOPS if stop in wanted]
    return portal.call(_stop_all, programs, stops, tmp_path_factory.mktemp("stops"))


@pytest.fixture(scope="session")
def compare(
    programs: tuple[Program, Program], portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[Question], None]]:
    """Asks both sidecars with the files of `strategies.GROUP`, and asserts that they do the same."""
    with portal.wrap_async_context_manager(pair(programs, GROUP, tmp_path_factory.mktemp("random"))) as both:

        def of(question: Question) -> None:
            for sidecar in (both.real, both.ours):
                sidecar.app.forget()
            real, ours = portal.call(both.ask, question)
            assert not differences(real, ours)

        yield of


def _parameters(items: Iterable[pytest.Item], name: str) -> list[object]:
    """What the tests of this run are given under `name`."""
    specs = [getattr(item, "callspec", None) for item in items]
    return [spec.params[name] for spec in specs if spec is not None and name in spec.params]


async def _ask_groups(programs: tuple[Program, Program], groups: Iterable[Group], folder: Path) -> Answers:
    slots = asyncio.Semaphore(AT_ONCE)

    async def ask(group: Group) -> Answers:
        async with slots:
            return await ask_all(programs, group, folder / group.name)

    answers = await asyncio.gather(*map(ask, groups))
    return {name: observed for each in answers for name, observed in each.items()}


async def _start_all(programs: tuple[Program, Program], starts: Iterable[Start], folder: Path) -> Outcomes:
    slots = asyncio.Semaphore(AT_ONCE)

    async def start(each: Start) -> tuple[str, tuple[Outcome, Outcome]]:
        async with slots:
            return each.name, await start_both(programs, each, folder / each.name)

    return dict(await asyncio.gather(*map(start, starts)))


async def _stop_all(programs: tuple[Program, Program], stops: Iterable[Stop], folder: Path) -> Endings:
    slots = asyncio.Semaphore(AT_ONCE)

    async def end(each: Stop) -> tuple[str, tuple[Ended, Ended]]:
        async with slots:
            return each.name, await stop_both(programs, each, folder / each.name)

    return dict(await asyncio.gather(*map(end, stops)))
