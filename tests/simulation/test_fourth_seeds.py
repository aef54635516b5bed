"""Part 4 of the runs: there are four files, so that the processes of pytest-xdist share them."""

import pytest

from simulation.seeds import check, chunks


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", chunks(3))
def test_nothing_is_violated(first: int) -> None:
    check(first)
