from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from support.kafka import KafkaBroker


class StillClock:
    """Moves only when it is told to."""

    def __init__(self) -> None:
        self._now = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


@pytest.fixture(scope="session")
def kafka_of_four(kafka_brokers: Callable[..., KafkaBroker]) -> KafkaBroker:
    """A broker whose topics have four partitions."""
    return kafka_brokers({"num.partitions": "4"})


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "promise(name): asked only of adapters whose `promises` have it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what an adapter does not promise: its own tests say what it does instead."""
    unpromised = [item for item in items if not _is_promised(item)]
    if unpromised:
        config.hook.pytest_deselected(items=unpromised)
        items[:] = [item for item in items if _is_promised(item)]


def _is_promised(item: pytest.Item) -> bool:
    promises = getattr(getattr(item, "cls", None), "promises", None)
    wanted = [marker.args[0] for marker in item.iter_markers("promise")]
    return promises is None or all(getattr(promises, name) for name in wanted)
