"""An app that is asked to stop again and again, and one of four workers: each event is applied once.

On SIGTERM the handlers in flight come to their end and the relay writes down what it has published, so that
nothing comes a second time.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from faults.counted import KEYS, Counting, make_tables, stop, variables_of, wait_for_all, waiting
from faults.sidecars import component, sidecar_beside
from support.processes import eventually, free_ports

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a program could answer"),
]


@contextmanager
def counting(folder: Path, url: str, workers: int = 1) -> Iterator[Counting]:
    (port,) = free_ports(1)
    with ExitStack() as stack:
        log = component(
            "pubsub",
            "pubsub.sqlite",
            connectionString=(folder / "log.db").as_posix(),
            backOffDuration="100ms",
        )
        starting = sidecar_beside(folder, {"pubsub.yaml": log}, app_port=port, ready=False)
        beside = stack.enter_context(starting)
        engine = create_engine(url)
        stack.callback(engine.dispose)
        variables = variables_of(folder, url, beside.port)
        make_tables(folder, variables)
        yield Counting(folder, port, beside, engine, variables, workers)


def test_stopping_in_the_middle_repeats_nothing(tmp_path: Path) -> None:
    url, events, stops = f"sqlite:///{tmp_path / 'shop.db'}", 60, 3
    with counting(tmp_path, url) as service:
        for turn in range(stops):
            with service.serving() as program:
                before = len(service.noted("runs"))
                service.publish(turn * events // stops, events // stops)
                eventually(lambda: len(service.noted("runs")) > before, lambda: program.output, program)  # noqa: B023
                assert sum(map(len, service.applied().values())) < (turn + 1) * events // stops
                stop(program)
        with service.serving() as program:
            wait_for_all(service, events, program)
        runs, echoes = service.noted("runs"), service.noted("echoes")

        assert sorted(runs) == sorted(f"e{number}" for number in range(events))
        assert sorted(echoes) == sorted(f"echo-e{number}" for number in range(events))
        assert sum(map(len, service.applied().values())) == events


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_four_workers_apply_each_event_once_and_in_order(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    events = 80
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    if database == "postgresql":
        url = request.getfixturevalue("postgresql_url")
    with counting(tmp_path, url, workers=4) as service, service.serving() as program:
        service.publish(0, events)
        service.publish(0, events // 2)  # again, with the same ids
        wait_for_all(service, events, program)
        eventually(lambda: waiting(service.engine) == 0, lambda: program.output, program)

        expected = {f"k{key}": list(range(key, events, KEYS)) for key in range(KEYS)}
        assert dict(service.applied()) == expected
        assert sorted(service.noted("echoes")) == sorted(f"echo-e{number}" for number in range(events))
