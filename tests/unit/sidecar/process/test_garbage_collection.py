"""The garbage collector is what it was before, whatever happened in between."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from outboard.sidecar.process.garbage_collection import collecting_rarely, frozen


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)


def test_cycles_are_looked_for_less_often() -> None:
    with collecting_rarely():
        assert gc.get_threshold() > (700, 10, 10)
    assert gc.get_threshold() == (700, 10, 10)


def test_blocks_that_overlap() -> None:
    one, another = collecting_rarely(), collecting_rarely()
    one.__enter__()
    another.__enter__()
    one.__exit__(None, None, None)
    another.__exit__(None, None, None)
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("chosen", [(0, 10, 10), (50_000, 20, 100)])
def test_whoever_looks_as_rarely_goes_on_so(chosen: tuple[int, int, int]) -> None:
    gc.set_threshold(*chosen)
    with collecting_rarely():
        assert gc.get_threshold() == chosen
    assert gc.get_threshold() == chosen


def test_what_is_there_is_left_alone() -> None:
    with frozen():
        assert gc.get_freeze_count()
    assert gc.get_freeze_count() == 0
