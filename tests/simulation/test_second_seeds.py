"""The runs behind those of the first file."""

import pytest

from simulation.seeds import CHUNK, check, chunks


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", chunks(75, 75))
def test_nothing_is_violated(first: int) -> None:
    check(range(first, first + CHUNK))
