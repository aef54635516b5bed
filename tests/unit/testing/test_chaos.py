"""Chaos under tests that know nothing of it, and whose fault it is found to be."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from outboard.testing.chaos import Chaos, ChaosStep
from outboard.testing.chaos_runs import Culprit, culprit_of, told_culprit

STEPS = [
    ChaosStep("handler a of shop", 1, "it came again at once", "event '1' of 'orders': {}"),
    ChaosStep("handler b of shop", 1, "it came again at once", "event '2' of 'orders': {}"),
    ChaosStep("handler b of shop", 2, "it came again after others", "event '3' of 'orders': {}"),
]


def test_the_handler_and_the_delivery_that_is_enough() -> None:
    asked: list[Chaos] = []

    def fails(chaos: Chaos) -> bool:
        asked.append(chaos)
        return chaos.hits("handler b of shop", 2)

    assert culprit_of(7, STEPS, fails) == Culprit("handler b of shop", STEPS[2])
    assert {chaos.seed for chaos in asked} == {7}
    assert len(asked) == 3, "the handler, and each of its deliveries"


def test_the_fault_is_of_the_last_to_whom_an_event_comes_again() -> None:
    found = culprit_of(7, STEPS, lambda chaos: True)
    assert found is not None
    assert found.handler == "handler b of shop"


def test_a_handler_of_which_no_delivery_alone_is_enough() -> None:
    def fails(chaos: Chaos) -> bool:
        return chaos.hits("handler b of shop", 1) and chaos.hits("handler b of shop", 2)

    assert culprit_of(7, STEPS, fails) == Culprit("handler b of shop", None)


def test_no_handler_alone() -> None:
    assert culprit_of(7, STEPS, lambda _: False) is None
    assert "no single handler is the cause" in told_culprit(None, 7, "test_a.py::test_one")


SERVICE = """
import pytest
from fastapi import FastAPI
from outboard import Event, Outboard

board = Outboard(app_id="shop", environ={})
orders, mails = board.topic("orders", int), board.topic("mails", int)
total = board.state(int)
sent = []
app = FastAPI(lifespan=board.lifespan)
board.mount(app)


@orders.subscribe("/orders")
async def on_order(event: Event[int]) -> None:
    await board.state(int).save(f"order-{event.data}", event.data)
    await mails.publish(event.data, id=f"mail-{event.id}")


@mails.subscribe("/mails")
async def send_mail(event: Event[int]) -> None:
    sent.append(event.data)


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(autouse=True)
def nothing_sent():
    sent.clear()


@pytest.mark.anyio
async def test_it_is_stored(outboard):
    async with outboard.serving(app, board):
        await orders.publish(1)
        await orders.publish(2)
        await outboard.settled()
        assert await total.get("order-2") == 2


def test_it_is_stored_in_a_session(outboard):
    with outboard.session(app) as s:
        orders.sync.publish(3)
        s.quiet()
        assert total.sync.get("order-3") == 3


def test_without_the_fixture():
    pass
"""
MAILED = """

def test_one_mail_an_order(outboard):
    with outboard.session(app):
        orders.sync.publish(1, id="o1")
        orders.sync.publish(2, id="o2")
    assert sorted(sent) == [1, 2]
"""
BY_ITSELF = """

def test_wrong_anyway(outboard):
    with outboard.session(app):
        orders.sync.publish(1)
    assert sent == [2]
"""


def run(pytester: pytest.Pytester, text: str, *arguments: str) -> pytest.RunResult:
    folder: Path = pytester.path
    (folder / "test_a.py").write_text(dedent(text), encoding="utf-8")
    return pytester.runpytest_inprocess("-q", "-p", "no:asyncio", *arguments, "test_a.py")


def test_a_handler_that_is_not_idempotent_is_named(pytester: pytest.Pytester) -> None:
    result = run(pytester, SERVICE + MAILED, "--outboard-chaos=7")
    said = result.stdout.str()
    result.assert_outcomes(passed=3, failed=1)
    assert "handler send_mail (" in said
    assert "of shop is not idempotent: the test passes, and fails where an event comes to it again." in said
    assert "Delivery 1, it came again" in said
    assert "event 'mail-o1' of 'mails', data 1" in said
    assert 'Repeat it: python -m pytest "test_a.py::test_one_mail_an_order" --outboard-chaos=7' in said
    assert "handler on_order" not in said


def test_without_the_option_nothing_comes_again(pytester: pytest.Pytester) -> None:
    run(pytester, SERVICE + MAILED).assert_outcomes(passed=4)


def test_a_test_that_fails_by_itself_fails_as_ever(pytester: pytest.Pytester) -> None:
    result = run(pytester, SERVICE + BY_ITSELF, "--outboard-chaos=7")
    result.assert_outcomes(passed=3, failed=1)
    assert "is not idempotent" not in result.stdout.str()
    assert "assert [1] == [2]" in result.stdout.str()


def test_a_seed_is_a_whole_number(pytester: pytest.Pytester) -> None:
    result = run(pytester, SERVICE, "--outboard-chaos=x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "argument --outboard-chaos: invalid int value: 'x'" in result.stderr.str()
