"""A Hypothesis state machine over the events of a service: `pip install "outboard[hypothesis]"`.

    class Orders(EventMachine):
        apps = [shop.app]
        events = {shop.orders: st.integers(1, 3)}

        def check(self) -> None:
            assert shop.total() == len({event.id for event in self.session.published(shop.orders)})

    TestOrders = Orders.TestCase

Source: Hypothesis, "Stateful tests".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Concatenate, Final, ParamSpec, TypeVar, cast

from outboard.asgi import ASGIApp
from outboard.errors import ExtraMissing
from outboard.kit.board import Outboard
from outboard.kit.topic import Topic
from outboard.testing.steps import EventSteps
from outboard.testing.sync_session import SyncEventSession
from outboard.testing.written import WrittenValue, imported, written

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
except ImportError as error:
    raise ExtraMissing("a state machine over events", "Hypothesis", "hypothesis") from error

__all__ = ["EventMachine"]

P = ParamSpec("P")
M = TypeVar("M", bound="EventMachine")

KEYS: Final = (None, "a", "b")
MOST: Final = 5
"""How far apart the events are that a step chooses from."""
SECONDS: Final = (1.0, 5.0, 60.0, 86400.0)


def _step(function: Callable[Concatenate[M, P], None]) -> Callable[Concatenate[M, P], None]:
    """Note the step, and what it raises comes with the steps up to it as a pytest."""

    @functools.wraps(function)
    def noted(machine: M, *arguments: P.args, **named: P.kwargs) -> None:
        given = [("", written(value)) for value in arguments]
        given += [(f"{name}=", written(value)) for name, value in named.items()]
        said = ", ".join(f"{name}{value.text}" for name, value in given)
        machine.noted.append((f"state.{function.__name__}({said})", [value for _, value in given]))
        try:
            function(machine, *arguments, **named)
        except Exception as error:
            machine.failed = error
            error.add_note(machine.as_pytest())
            raise

    return cast("Callable[Concatenate[M, P], None]", noted)


def _events_of(machine: EventMachine) -> st.SearchStrategy[tuple[str, object]]:
    return st.one_of([st.tuples(st.just(topic.name), each) for topic, each in machine.events.items()])


class EventMachine(RuleBasedStateMachine):
    """Publishes, delivers, duplicates, crashes and lets time pass, in any order; then `check` has to hold.

    A subclass says which `apps` run, and for each topic of which `events` are published a strategy of its
    data. Override `reset` to make anew what apps keep outside of Dapr: each sequence begins with it. After
    the last step all is delivered, and what failed comes again; then `check` is asked. A sequence that fails
    is shrunk, and told as a pytest. Raises TypeError where `apps` or `events` are missing.
    """

    apps: ClassVar[Sequence[ASGIApp | Outboard]] = ()
    events: ClassVar[Mapping[Topic[Any], st.SearchStrategy[Any]]] = {}

    def __init__(self) -> None:
        if not self.apps or not self.events:
            raise TypeError(
                f"{type(self).__name__} needs `apps`, a list, and `events`, a strategy for each topic"
            )
        super().__init__()
        self.noted: list[tuple[str, Sequence[WrittenValue]]] = []
        self.failed: Exception | None = None
        """What a step has raised."""
        self.reset()
        self.steps: Final = EventSteps(self.apps)

    @property
    def session(self) -> SyncEventSession:
        """The session of this sequence."""
        return self.steps.session

    def reset(self) -> None:
        """Make anew what apps keep outside of Dapr: an author's to override."""

    def check(self) -> None:
        """Assert what has to hold when all is done: an author's to override."""

    @rule(event=st.runner().flatmap(_events_of), key=st.sampled_from(KEYS))
    @_step
    def publish(self, event: tuple[str, Any], key: str | None) -> None:
        """Publish an event, the name of its topic and its data."""
        name, data = event
        self.steps.publish(next(topic for topic in self.events if topic.name == name), data, key)

    @precondition(lambda self: bool(self.noted))
    @rule(number=st.integers(0, MOST))
    @_step
    def duplicate(self, number: int) -> None:
        """Publish an event once more, with its id."""
        self.steps.duplicate(number)

    @precondition(lambda self: bool(self.noted))
    @rule(number=st.integers(0, MOST))
    @_step
    def deliver(self, number: int) -> None:
        """Let one delivery that waits come to its handler."""
        self.steps.deliver(number)

    @precondition(lambda self: bool(self.noted))
    @rule(number=st.integers(0, MOST))
    @_step
    def crash(self, number: int) -> None:
        """Let one delivery come to its handler, and the app die before its answer."""
        self.steps.crash(number)

    @precondition(lambda self: bool(self.noted))
    @rule(seconds=st.sampled_from(SECONDS))
    @_step
    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.steps.advance(seconds)

    def teardown(self) -> None:
        """Deliver the rest, and check. What is wrong comes with all steps as a pytest."""
        failed = self.failed
        try:
            if failed is None:
                self.steps.finish()
                self.check()
        except Exception as error:
            failed = self._told(error)
            raise
        finally:
            self._close(failed)

    def as_pytest(self) -> str:
        """The steps so far as a test of their own."""
        lines = {line for _, values in self.noted for value in values for line in value.imports}
        imports = sorted(lines | {imported(type(self))} - {""})
        steps = [f"    {text}" for text, _ in self.noted]
        body = [f"    state = {type(self).__qualname__}()", *steps, "    state.teardown()"]
        return "\n".join([*imports, "", "", "def test_minimal_sequence() -> None:", *body])

    def _close(self, failed: Exception | None) -> None:
        """What was not handled is raised, or told with what has `failed` before."""
        try:
            self.steps.close()
        except Exception as error:
            if failed is None:
                raise self._told(error) from None
            failed.add_note(f"When the session ended: {error!r}")

    def _told(self, error: Exception) -> Exception:
        error.add_note(self.as_pytest())
        return error
