from __future__ import annotations

import pytest

from outboard.resources import boolean


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_what_is_true(text: str) -> None:
    assert boolean.parse(text)


@pytest.mark.parametrize("text", ["0", "f", "F", "FALSE", "false", "False"])
def test_what_is_false(text: str) -> None:
    assert not boolean.parse(text)


@pytest.mark.parametrize("text", ["", "yes", "TRue", "on", " true", "2"])
def test_what_is_neither(text: str) -> None:
    with pytest.raises(ValueError, match="is not a boolean"):
        boolean.parse(text)
