"""Whether both sidecars start, or refuse to, and end with the same exit code."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from conformance.differences import REASONS
from conformance.questions.starts import STARTS, Start
from conformance.starting import Outcome

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(300)]


@pytest.mark.parametrize("start", [pytest.param(start, id=start.name) for start in STARTS])
def test_same_start(start: Start, outcomes: Mapping[str, tuple[Outcome, Outcome]]) -> None:
    real, ours = outcomes[start.name]
    if start.name in REASONS:
        assert ours != real, f"no longer a difference; take it out of the table: {REASONS[start.name]}"
    else:
        assert ours == real
