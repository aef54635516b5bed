"""Random answers of the app, subscriptions and scopes: the same deliveries from both sidecars."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest
from anyio.from_thread import BlockingPortal
from hypothesis import Phase, given, settings

from conformance.asking import ask_all
from conformance.comparing import differences
from conformance.question import AppAnswer, Group, Question, ask, subscribed
from conformance.questions.files import component, documents, subscription_v1, subscription_v2
from conformance.sidecars import Program
from conformance.strategies import ANSWERS, BATCH_ANSWERS, FEW, SCOPED, SUBSCRIPTIONS
from outboard.gojson.values import Json

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(300)]

# Each example starts both sidecars, so that nobody waits for the smallest one that fails.
WHOLE_SIDECARS = settings(FEW, max_examples=6, phases=[Phase.generate])
PATHS = ("/", "/one", "/two", "/three", "/five", "/six", "/dead")
Subscribed = tuple[str, str, str, list[dict[str, Json]], dict[str, Json], tuple[str, ...]]


def delivered(topic: str, answer: AppAnswer) -> Question:
    """Two events, the first of which is answered so once; the second comes once the first is settled.

    What goes to the dead letter topic arrives beside it: that is a subscription of its own.
    """
    asks = tuple(
        ask("POST", f"/v1.0/publish/retrying/{topic}", {"n": n}, content_type="application/json")
        for n in range(2)
    )
    path = f"/{topic}"
    return Question(
        "random",
        (),
        asks,
        answers={path: (answer,)},
        paths=(path, "/dead"),
        deliveries=2,
        side_by_side=True,
        quiet=0.15,
    )


@FEW
@given(answer=ANSWERS)
def test_answers(compare: Callable[[Question], None], answer: AppAnswer) -> None:
    compare(delivered("single", answer))


@FEW
@given(answer=BATCH_ANSWERS)
def test_answers_to_a_batch(compare: Callable[[Question], None], answer: AppAnswer) -> None:
    compare(delivered("batch", answer))


@pytest.fixture(scope="module")
def compare_group(
    programs: tuple[Program, Program], portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Group], None]:
    """Starts both with the files of a group, asks all its questions, and asserts that they do the same."""
    numbers = count()

    def of(group: Group) -> None:
        folder: Path = tmp_path_factory.mktemp(f"random-{next(numbers)}")
        for real, ours in portal.call(ask_all, programs, group, folder).values():
            assert not differences(real, ours)

    return of


def _published(pubsub: str, topics: Sequence[str]) -> Question:
    events: tuple[Json, ...] = ({"n": 1}, {"n": 2, "z": 0}, "text")
    asks = [
        ask("POST", f"/v1.0/publish/{pubsub}/{topic}", event, content_type="application/json")
        for topic in topics
        for event in events
    ]
    return Question(pubsub, (), (*asks, ask("GET", "/v1.0/metadata")), paths=PATHS, unordered=True, quiet=1.0)


@WHOLE_SIDECARS
@given(subscriptions=SUBSCRIPTIONS)
def test_subscriptions(compare_group: Callable[[Group], None], subscriptions: list[Subscribed]) -> None:
    files, told = list[str](), list[dict[str, Json]]()
    for number, (kind, topic, route, rules, more, scopes) in enumerate(subscriptions):
        routes: dict[str, Json] = {"rules": list(rules), **({"default": route} if route else {})}
        if kind == "v1":
            files.append(subscription_v1(f"s{number}", topic, route, "ps", **more))
        elif kind == "v2":
            files.append(subscription_v2(f"s{number}", topic, routes, "ps", scopes, **more))
        else:
            told.append({"pubsubname": "ps", "topic": topic, "routes": routes, **more})
    question = _published("ps", ("a", "b", "c"))
    group = Group(
        "random-subscriptions",
        (Question(question.name, (), question.asks, tuple(told), {}, PATHS, unordered=True, quiet=1.0),),
        {"components.yaml": component("ps", "pubsub.in-memory"), "subscriptions.yaml": documents(*files)},
    )
    compare_group(group)


@WHOLE_SIDECARS
@given(scoped=SCOPED)
def test_scopes(compare_group: Callable[[Group], None], scoped: list[dict[str, Json]]) -> None:
    names = [f"ps{number}" for number in range(len(scoped))]
    components = [
        component(name, "pubsub.in-memory", (), **scopes) for name, scopes in zip(names, scoped, strict=True)
    ]
    questions = tuple(
        Question(
            name,
            (),
            tuple(
                ask("POST", f"/v1.0/publish/{name}/{topic}", {}, content_type="application/json")
                for topic in ("a", "b", "c", "d")
            ),
            tuple(subscribed(topic, f"/{name}/{topic}", pubsub=name) for topic in ("a", "b", "c")),
            unordered=True,
        )
        for name in names
    )
    compare_group(Group("random-scopes", questions, {"components.yaml": documents(*components)}))
