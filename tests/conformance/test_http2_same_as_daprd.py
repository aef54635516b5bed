"""HTTP/2 without TLS on the port of the API: the same questions as over HTTP/1.1, and the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace

import pytest
from anyio.from_thread import BlockingPortal

from conformance.asking import Exchange, Observed, ask_all
from conformance.comparing import differences
from conformance.differences import REASONS
from conformance.http2 import by_prior_knowledge, by_upgrade
from conformance.question import Group, Question
from conformance.questions import GROUPS
from conformance.sidecars import Program

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(300)]

WAYS: Mapping[str, Exchange] = {"prior knowledge": by_prior_knowledge, "upgrade": by_upgrade}
WANTED = ("main", "tokens", "limits", "api-denied")
EACH = {"main": 6}
"""Of so many questions one is asked each way, another one the other way."""
Seen = Mapping[tuple[str, str], tuple[Observed, Observed]]


def is_quick(question: Question) -> bool:
    """It waits for nothing, is asked on the port of the API, and answered the same."""
    waits = any(each.pause or each.public or each.health is not None for each in question.asks)
    return not (question.watched or waits or question.name in REASONS)


def chosen(group: Group, way: int) -> Group:
    step = EACH.get(group.name, 1)
    quick = [question for question in group.questions if is_quick(question)]
    return replace(group, questions=tuple(quick[way % step :: step]))


CASES = [
    pytest.param(way, question.name, id=f"{way}/{question.name}")
    for number, way in enumerate(WAYS)
    for group in GROUPS
    if group.name in WANTED
    for question in chosen(group, number).questions
]


@pytest.fixture(scope="module")
def seen(
    portal: BlockingPortal, programs: tuple[Program, Program], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp("http2")

    async def ask_everything() -> Seen:
        asked: dict[tuple[str, str], tuple[Observed, Observed]] = {}
        for number, (way, exchange) in enumerate(WAYS.items()):
            groups = [chosen(group, number) for group in GROUPS if group.name in WANTED]
            answers = await asyncio.gather(
                *(ask_all(programs, group, folder / f"{number}-{group.name}", exchange) for group in groups)
            )
            for each in answers:
                asked |= {(way, name): both for name, both in each.items()}
        return asked

    yield portal.call(ask_everything)


@pytest.mark.parametrize(("way", "name"), CASES)
def test_same_answer(way: str, name: str, seen: Seen) -> None:
    real, ours = seen[way, name]
    found = differences(real, ours)
    assert real.answers
    assert not found, "\n" + "\n".join(found)
