from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.resources import duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0), ("5s", 5), ("1m30s", 90), ("500ms", 0.5), ("1.5h", 5400), (".5s", 0.5), ("1.s", 1),
        ("-2s", -2), ("+2s", 2), ("1us", 1e-6), ("1µs", 1e-6), ("1μs", 1e-6), ("3ns", 3e-9),
        ("1h1m1s1ms", 3661.001),
    ],
)  # fmt: skip
def test_durations_of_go(text: str, seconds: float) -> None:
    assert duration.parse(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "5", "s", "5 s", "1d", "5S", "--5s", "5s ", "1e3s", "\u0665s", "1s-2s", "300000000h"]
)
def test_what_go_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="dura"):
        duration.parse(text)


@given(st.floats(min_value=-1e6, max_value=1e6))
def test_a_duration_that_is_written_reads_back_to_the_nanosecond(seconds: float) -> None:
    assert duration.parse(duration.format(seconds)) == pytest.approx(seconds, abs=1e-9)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5, "5s"), (0.5, "500ms"), (0, "0s"), (90, "1m30s"), (100, "1m40s"), (1.5, "1.5s"), (60, "1m0s"),
        (3600, "1h0m0s"), (5400.25, "1h30m0.25s"), (0.0000015, "1.5µs"), (3e-9, "3ns"), (-2, "-2s"),
    ],
)  # fmt: skip
def test_a_duration_is_written_as_go_does(seconds: float, text: str) -> None:
    assert duration.format(seconds) == text


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
def test_no_duration_is_not_written(seconds: float) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        duration.format(seconds)
