from __future__ import annotations

import pytest

from outboard.gojson.gotext import printed
from outboard.gojson.values import Json


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "<nil>"),
        (True, "true"),
        ("as it is", "as it is"),
        (0, "0"),
        (-0.0, "-0"),
        (1.5, "1.5"),
        (999999, "999999"),
        (1_000_000, "1e+06"),
        (12345678.9, "1.23456789e+07"),
        (12345678901234567890, "1.2345678901234567e+19"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1e300, "1e+300"),
        (10**400, "+Inf"),
        (-(10**400), "-Inf"),
        ([1, "a", None], "[1 a <nil>]"),
        ({"b": 1, "a": {"c": []}}, "map[a:map[c:[]] b:1]"),
    ],
)
def test_values_are_printed_as_go_prints_them(value: Json, text: str) -> None:
    assert printed(value) == text
