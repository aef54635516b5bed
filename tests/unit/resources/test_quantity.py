from __future__ import annotations

import pytest

from outboard.resources.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [("4Mi", 4 * 2**20), ("512Ki", 2**19), ("10", 10), ("1k", 1000),
     ("1.5Ki", 1536), ("1e3", 1000), ("0.1k", 100)],
)  # fmt: skip
def test_quantities(text: str, number: int) -> None:
    assert parse_quantity(text) == number


@pytest.mark.parametrize("text", ["", "-1", "4MB", "Mi", "1 Mi", "1.", "٣"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)
