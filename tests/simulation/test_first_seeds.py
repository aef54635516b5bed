"""The first runs. Two files, so that two processes of pytest-xdist take one each."""

import pytest

from simulation.seeds import CHUNK, check, chunks


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", chunks(0, 75))
def test_nothing_is_violated(first: int) -> None:
    check(range(first, first + CHUNK))
