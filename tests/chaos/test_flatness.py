from __future__ import annotations

from chaos.evidence import Growth
from chaos.flatness import Sample, growths


def samples(*bytes: int) -> list[Sample]:
    """One every 2 s."""
    return [Sample(2.0 * number, taken, taken // 10) for number, taken in enumerate(bytes)]


def test_what_a_process_grows_by_after_its_beginning_is_told() -> None:
    taken = samples(*[0] * 15, *[1_000] * 8, *[4_000] * 8)
    assert growths({("relay-1", 7, 1.0): taken}) == [Growth("relay-1", 30.0, 3_000, 300)]


def test_a_process_that_was_killed_soon_tells_nothing() -> None:
    assert growths({("relay-1", 7, 1.0): samples(*range(24))}) == []
