"""The questions of the main group and of the outbox again, with a real Redis for all that was in memory.

Each sidecar has databases of its own in it, one for each component: in the same they would share the events.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from anyio.from_thread import BlockingPortal

from conformance.asking import Observed, Pair
from conformance.comparing import differences, without_script
from conformance.differences import REASONS as MAIN_REASONS
from conformance.question import Group, Question
from conformance.questions.main import MAIN
from conformance.questions.outbox import OUTBOX
from conformance.sidecars import Program, running
from support.redis import RedisServer

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.engine("redis"), pytest.mark.timeout(300)]

Answers = Mapping[str, tuple[Observed, Observed]]
DATABASES: Final = 64

GROUPS: Final = (MAIN, OUTBOX)
# What depends on the order of several events, or on a second; and what is not about pub/sub or state.
ELSEWHERE: Final = frozenset(["circuit-breaker", "mem-ttl-passes", "unserved"])
# In whichever order: a hundred events are with the app at once, so that one that hangs holds up no other.
QUESTIONS: Final = [
    replace(question, unordered=True)
    for group in GROUPS
    for question in group.questions
    if not question.name.startswith("lite-") and question.name not in ELSEWHERE
]

REASONS: Final[Mapping[str, str]] = {
    **MAIN_REASONS,
    **dict.fromkeys(
        ("ps-batch-raw", "ps-batch-raw-event"),
        "The metadata of a raw payload in a batch says where it lies, so that its id is the same each time.",
    ),
    "outbox-json": "The refusal of content type application/json in a transaction says what is missing.",
}


@pytest.fixture(scope="module")
def server(redis_servers: Callable[..., RedisServer]) -> RedisServer:
    return redis_servers("--databases", str(DATABASES))


@pytest.fixture(scope="module")
def answers(
    programs: tuple[Program, Program],
    portal: BlockingPortal,
    server: RedisServer,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Answers:
    """What daprd and ours did about each question that is wanted in this run, by its name."""
    items = (item for item in request.session.items if item.path == request.path)
    wanted = {item.name.partition("[")[2].removesuffix("]") for item in items}
    folder = tmp_path_factory.mktemp("redis")
    answers: dict[str, tuple[Observed, Observed]] = {}
    for group in GROUPS:
        names = wanted.intersection(question.name for question in group.questions)
        questions = tuple(question for question in QUESTIONS if question.name in names)
        asked = replace(group, questions=questions)
        answers |= portal.call(_ask, programs, server, asked, folder / group.name)
    return answers


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_same_answer_on_redis(question: Question, answers: Answers) -> None:
    real, ours = (without_script(observed) for observed in answers[question.name])
    found = differences(real, ours)
    if question.name in REASONS:
        assert found, f"no longer a difference; take it out of the table: {REASONS[question.name]}"
    else:
        assert not found, "\n" + "\n".join(found)


async def _ask(
    programs: tuple[Program, Program],
    server: RedisServer,
    group: Group,
    folder: Path,
) -> Answers:
    if not group.questions:
        return {}
    real, ours = (
        replace(group, files=_on_redis(group.files, server, first)) for first in (0, DATABASES // 2)
    )
    async with (
        running(programs[0], real, folder / "daprd") as daprd,
        running(programs[1], ours, folder / "outboard") as outboard,
    ):
        both = Pair(daprd, outboard)
        observed = await asyncio.gather(*map(both.ask, group.questions))
    return {question.name: each for question, each in zip(group.questions, observed, strict=True)}


def _on_redis(files: Mapping[str, str], server: RedisServer, first: int) -> Mapping[str, str]:
    """The files with Redis instead of what is in memory, in databases from number `first`."""
    database = iter(range(first, first + DATABASES // 2))

    def moved(document: dict[str, Any]) -> dict[str, Any]:
        spec = document["spec"]
        category = spec["type"].partition(".")[0]
        if not spec["type"].endswith(".in-memory"):
            return document
        own = {"redisHost": server.address, "redisDB": str(next(database))}
        if category == "pubsub":
            # daprd reads each topic over a connection of its pool, and would wait for one for ever.
            own |= {"concurrency": "100", "poolSize": "1000"}
        metadata = [*(spec.get("metadata") or []), *({"name": name, "value": own[name]} for name in own)]
        return {**document, "spec": {**spec, "type": f"{category}.redis", "metadata": metadata}}

    return {
        name: yaml.safe_dump_all([moved(each) for each in yaml.safe_load_all(text)])
        if ".in-memory" in text
        else text
        for name, text in files.items()
    }
