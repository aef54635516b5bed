"""The state machine over events: what it finds, and how it tells of it."""

from __future__ import annotations

import re
from enum import Enum
from typing import ClassVar

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from outboard import Event, Outboard
from outboard.testing.stateful import EventMachine
from outboard.testing.steps import EventSteps

board = Outboard(app_id="shop", environ={})
orders = board.topic("orders", int)
app = FastAPI(lifespan=board.lifespan)
board.mount(app)
counted: list[str] = []
IS_IDEMPOTENT = [True]

FEW = settings(
    max_examples=40,
    stateful_step_count=8,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@orders.subscribe("/orders")
async def on_order(event: Event[int]) -> None:
    if not (IS_IDEMPOTENT[0] and event.id in counted):
        counted.append(event.id)


class OrderMachine(EventMachine):
    apps: ClassVar = [app]
    events: ClassVar = {orders: st.integers(1, 3)}

    def reset(self) -> None:
        counted.clear()

    def check(self) -> None:
        assert sorted(counted) == sorted({event.id for event in self.session.published(orders)})


@pytest.fixture(autouse=True)
def idempotent() -> None:
    IS_IDEMPOTENT[0] = True


def test_a_handler_that_is_idempotent_passes() -> None:
    run_state_machine_as_test(OrderMachine, settings=settings(FEW, max_examples=15))


def test_what_fails_is_shrunk_and_told_as_a_pytest_that_fails_too() -> None:
    IS_IDEMPOTENT[0] = False
    with pytest.raises(AssertionError) as caught:
        run_state_machine_as_test(OrderMachine, settings=FEW)
    told = next(note for note in caught.value.__notes__ if "def test_minimal_sequence" in note)
    steps = re.findall(r"    state\.(\w+)\(", told)
    assert steps in (["publish", "duplicate", "teardown"], ["publish", "crash", "teardown"])
    namespace: dict[str, object] = {"OrderMachine": OrderMachine}
    text = "\n".join(line for line in told.splitlines() if not line.startswith("from "))
    exec(text, namespace)
    test = namespace["test_minimal_sequence"]
    assert callable(test)
    with pytest.raises(AssertionError):
        test()


class Colour(Enum):
    RED = "r"


painted = board.topic("painted", dict[str, Colour])


class PaintMachine(EventMachine):
    apps: ClassVar = [app]
    events: ClassVar = {painted: st.just({"a": Colour.RED})}


def test_the_pytest_is_python_whatever_the_data_is() -> None:
    machine = PaintMachine()
    machine.publish(event=("painted", {"a": Colour.RED}), key=None)
    machine.deliver(number=0)
    machine.teardown()
    assert (
        machine.as_pytest()
        == f"""\
from {__name__} import Colour
from {__name__} import PaintMachine


def test_minimal_sequence() -> None:
    state = PaintMachine()
    state.publish(event=('painted', {{'a': Colour('r')}}), key=None)
    state.deliver(number=0)
    state.teardown()"""
    )


def test_steps_in_their_order() -> None:
    steps = EventSteps([app])
    counted.clear()
    first = steps.publish(orders, 1, key="a")
    second = steps.publish(orders, 2, key="b")
    assert counted == []
    steps.deliver(1)
    assert counted == [second.id]
    steps.crash(0)
    assert counted == [second.id, first.id]
    steps.advance(5)  # it comes again, and waits to be delivered
    assert [each.outcome for each in steps.session.deliveries(orders)].count("SUCCESS") == 1
    steps.deliver()
    assert [each.outcome for each in steps.session.deliveries(orders)].count("SUCCESS") == 2
    steps.duplicate(0)
    steps.finish()
    assert len(steps.session.published(orders)) == 3
    steps.close()
    assert counted == [second.id, first.id]


def test_a_machine_without_events_is_none() -> None:
    with pytest.raises(TypeError, match="EventMachine needs `apps`, a list, and `events`"):
        EventMachine()
